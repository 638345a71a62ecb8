// Package python holds the example of a builder in Python to what it shows.
package python

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/ocitest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	bangertest.Cleanup()
	os.Exit(code)
}

// install makes a plugin directory with the example and what protoc makes for
// it.
func install(t *testing.T) string {
	t.Helper()
	const modules = "import grpc, google.protobuf, cryptography"
	if err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", modules).Run(); err != nil {
		need.File(t, "/usr/lib/python3/dist-packages/grpc", "the Debian packages python3-grpcio, python3-protobuf and python3-cryptography")
		t.Fatalf("%s: %v", modules, err)
	}
	dir := t.TempDir()
	protoc := exec.CommandContext(t.Context(), need.Tool(t, "protoc", "protobuf-compiler"), "-I../../sdk/proto", "--python_out="+dir, "builder.proto")
	if out, err := protoc.CombinedOutput(); err != nil {
		t.Fatalf("protoc: %v\n%s", err, out)
	}
	program, err := os.ReadFile("banger-builder-pycpio")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "banger-builder-pycpio"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func banger(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bangertest.Binary(t), args...)
	// The user's own configuration, a builders.lock for one, is not asked.
	cmd.Env = append(os.Environ(), "BANGER_STORE="+filepath.Join(t.TempDir(), "store"), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("banger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestConforms(t *testing.T) {
	t.Parallel()
	out := banger(t, "builders", "test", "--check", "tree/", "--check", "options/", "--check", "equal-bytes", "--check", "stdout", filepath.Join(install(t), "banger-builder-pycpio"))
	for _, name := range []string{"tree/large", "equal-bytes", "stdout"} {
		if !strings.Contains(out, "ok    "+name+"\n") {
			t.Errorf("%s is not ok in\n%s", name, out)
		}
	}
}

// layer is a tar with a file and a symlink.
func layer(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "etc/greeting", Mode: 0o644, Size: 6},
		{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "etc/greeting", Mode: 0o777},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "hello\n"[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestCPIOReadsIt(t *testing.T) {
	t.Parallel()
	cpio := need.Tool(t, "cpio", "cpio")
	layout := t.TempDir()
	if _, err := ocitest.Write(layout, ocitest.Layer{Tar: layer(t)}); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "root.cpio")
	banger(t, "build", "--platform", "linux/amd64", "--plugin-dir", install(t), "--builder", "pycpio", "oci:"+layout, "-o", image)
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), cpio, "--extract", "--no-preserve-owner", "--quiet")
	cmd.Dir, cmd.Stdin = dir, f
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "etc/greeting")); err != nil || string(got) != "hello\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if got, err := os.Readlink(filepath.Join(dir, "link")); err != nil || got != "etc/greeting" {
		t.Errorf("the link leads to %q, %v", got, err)
	}
}
