package tartest_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"banger/internal/need"
	"banger/internal/tartest"
)

// everything holds one entry of each form, all of them valid.
func everything() []byte {
	return tartest.Join(
		tartest.GlobalPAX("comment=c"),
		tartest.Dir("d/"),
		tartest.File("d/f", "hello"),
		tartest.Hardlink("d/h", "d/f"),
		tartest.Symlink("d/s", "f"),
		tartest.Device("d/null", '3', 1, 3),
		tartest.Fifo("d/p"),
		tartest.PAX("path=d/"+strings.Repeat("p", 150)), tartest.File("short", "x"),
		tartest.GNULongName("d/"+strings.Repeat("g", 150)), tartest.File("short", "y"),
		tartest.Entry(tartest.Header{Name: "v7", Mode: 0o600, Format: tartest.V7, NulType: true}, "v"),
		tartest.Entry(tartest.Header{Name: "tail", Prefix: "d", Mode: 0o600}, "prefixed"),
		tartest.Entry(tartest.Header{Name: "d/b", UID: 1 << 30, MTime: -5, Base256: true, Format: tartest.GNU}, "b"),
		tartest.Entry(tartest.Header{
			Name: "d/sparse", Format: tartest.GNU, RealSize: 7000,
			Sparse: []tartest.Segment{{Offset: 512, Length: 1}, {Offset: 1024, Length: 1}, {Offset: 1536, Length: 1}, {Offset: 2048, Length: 1}, {Offset: 4096, Length: 2}, {Offset: 7000, Length: 0}},
		}, "abcdef"),
	)
}

func TestGoReadsIt(t *testing.T) {
	tr := tar.NewReader(bytes.NewReader(everything()))
	sizes := map[string]int64{}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, tr); err != nil {
			t.Fatal(err)
		}
		sizes[h.Name] = h.Size
	}
	for name, size := range map[string]int64{"d/f": 5, "d/tail": 8, "d/sparse": 7000, "d/" + strings.Repeat("p", 150): 1, "d/" + strings.Repeat("g", 150): 1} {
		if sizes[name] != size {
			t.Errorf("%s: size %d, want %d", name, sizes[name], size)
		}
	}
}

func TestGNUTarReadsIt(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), need.Tool(t, "tar", "tar"), "-tvf", "-")
	cmd.Stdin = bytes.NewReader(everything())
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n") != 12 {
		t.Fatalf("tar -tv: %v\n%s", err, out)
	}
}
