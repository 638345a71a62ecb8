package unpack_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"banger/core/unpack"
	"banger/internal/need"
	"banger/internal/tartest"
)

// runBy unpacks with a program, whatever the size of the blob.
func runBy(ctx context.Context, r io.Reader, l unpack.Layer, lim unpack.Limits, gunzip ...string) (*output, error) {
	var out output
	var err error
	l.Size = -1
	out.Result, err = unpack.Unpack(ctx, r, l, unpack.Dest{Blob: &out.blob, Pack: &out.pack, Index: &out.index, Gunzip: gunzip}, lim, nil)
	return &out, err
}

func igzip(t testing.TB) []string {
	return []string{need.Tool(t, "igzip", "isal"), "-d", "-c"}
}

// gzipFields is an honest gzip with every field of a header.
func gzipFields(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Name, w.Comment, w.Extra = "layer.tar", "by hand", []byte("AB\x02\x00xy")
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// With the program, and without it where it is no help, as much is accepted as
// by the library alone, and it comes to the same.
func TestProgramAcceptsTheSame(t *testing.T) {
	gunzip := igzip(t)
	tar := tartest.Join(tartest.Dir("a/"), tartest.File("a/b", strings.Repeat("hello ", 100_000)), tartest.Symlink("s", "t"))
	honest := gzipped(tar)
	half := len(tar) / 2
	flip := func(at int) []byte {
		b := bytes.Clone(honest)
		b[(at+len(b))%len(b)] ^= 4
		return b
	}
	for name, c := range map[string]struct {
		blob    []byte
		program bool // whether the program's work is taken
	}{
		"honest":             {honest, true},
		"all fields":         {gzipFields(t, tar), true},
		"two members":        {append(gzipped(tar[:half]), gzipped(tar[half:])...), false},
		"empty member first": {append(gzipped(nil), honest...), true},
		"empty member last":  {append(bytes.Clone(honest), gzipped(nil)...), false},
		"garbage behind":     {append(bytes.Clone(honest), "garbage"...), false},
		"zeros behind":       {append(bytes.Clone(honest), make([]byte, 1024)...), false},
		"half a header":      {append(bytes.Clone(honest), 0x1f, 0x8b), false},
		"wrong CRC":          {flip(-6), false},
		"wrong size":         {flip(-2), false},
		"wrong data":         {flip(len(honest) / 2), false},
		"cut in the trailer": {honest[:len(honest)-3], false},
		"cut in the data":    {honest[:len(honest)/2], false},
		"cut in the header":  {honest[:5], false},
		"reserved flags":     {flip(3), false},
		"another tar":        {gzipped(tar[:half]), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := describe(c.blob, tar)
			want, wantErr := run(t.Context(), bytes.NewReader(c.blob), l, unpack.Limits{})
			got, err := runBy(t.Context(), bytes.NewReader(c.blob), l, unpack.Limits{}, gunzip...)
			if c.program != (err == nil) {
				t.Fatalf("by the program: %v", err)
			}
			if err == nil {
				if wantErr != nil || got.Result != want.Result || !bytes.Equal(got.index.Bytes(), want.index.Bytes()) || !bytes.Equal(got.pack.Bytes(), want.pack.Bytes()) {
					t.Errorf("%+v by the program, %+v, %v without", got.Result, want.Result, wantErr)
				}
				return
			}
			if !errors.Is(err, unpack.ErrProgram) && !errors.Is(wantErr, unpack.ErrCorrupt) {
				t.Errorf("error %v, and nobody is told to ask the library", err)
			}
			if !bytes.Equal(got.blob.Bytes(), c.blob) {
				t.Errorf("%d bytes of the blob were kept, of %d", got.blob.Len(), len(c.blob))
			}
		})
	}
}

// What the program's work is taken for, the library takes too.
func TestProgramProperty(t *testing.T) {
	gunzip := igzip(t)
	rapid.Check(t, func(rt *rapid.T) {
		tar := tartest.Join(tartest.File("f", strings.Repeat("a", rapid.IntRange(0, 300).Draw(rt, "n"))))
		blob := gzipped(tar)
		for range rapid.IntRange(0, 2).Draw(rt, "edits") {
			at := rapid.IntRange(0, len(blob)-1).Draw(rt, "at")
			blob[at] = rapid.Byte().Draw(rt, "byte")
		}
		blob = append(blob, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(rt, "more")...)
		l := describe(blob, tar)
		got, err := runBy(t.Context(), bytes.NewReader(blob), l, unpack.Limits{}, gunzip...)
		if err != nil {
			return
		}
		want, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{})
		if err != nil || got.Result != want.Result {
			rt.Fatalf("the library says %+v, %v", want, err)
		}
	})
}

// A program that does not do its work is found out, and leaves no process.
func TestUselessPrograms(t *testing.T) {
	tar := tartest.Join(tartest.File("f", strings.Repeat("hello ", 1_000_000)))
	blob := gzipped(tar)
	trailer := binary.LittleEndian.Uint32(blob[len(blob)-4:])
	if trailer != uint32(len(tar)) {
		t.Fatalf("ISIZE %d of %d bytes", trailer, len(tar))
	}
	for name, script := range map[string]string{
		"fails at once":        "exit 3",
		"fails after its work": "gzip -dc; exit 3",
		"says nothing":         "cat >/dev/null",
		"repeats what it gets": "cat",
		"stops half-way":       "gzip -dc | head -c 1000000",
		"says too much":        "gzip -dc; echo more",
		"never ends":           "exec yes",
	} {
		t.Run(name, func(t *testing.T) {
			lim := unpack.Limits{TotalSize: 64 << 20}
			got, err := runBy(t.Context(), bytes.NewReader(blob), describe(blob, tar), lim, "/bin/sh", "-c", script)
			if !errors.Is(err, unpack.ErrProgram) && !errors.Is(err, unpack.ErrLimit) {
				t.Errorf("error %v", err)
			}
			if errors.Is(err, unpack.ErrProgram) && !bytes.Equal(got.blob.Bytes(), blob) {
				t.Error("the blob is not whole")
			}
		})
	}
	t.Run("is not there", func(t *testing.T) {
		if _, err := runBy(t.Context(), bytes.NewReader(blob), describe(blob, tar), unpack.Limits{}, "/nonexistent/igzip"); err != nil {
			t.Errorf("error %v", err)
		}
	})
}

// A program that hangs ends with the context.
func TestHangingProgram(t *testing.T) {
	tar := tartest.Join(tartest.File("f", "hello"))
	blob := gzipped(tar)
	pid := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for t.Context().Err() == nil {
			if b, err := os.ReadFile(pid); err == nil && len(b) > 0 {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := runBy(ctx, bytes.NewReader(blob), describe(blob, tar), unpack.Limits{}, "/bin/sh", "-c", "echo $$ >"+pid+"; exec sleep 600")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "kill", "-0", strings.TrimSpace(string(b))).Run(); err == nil {
		t.Error("the process is still there")
	}
}
