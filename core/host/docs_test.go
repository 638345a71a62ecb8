package host

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/need"
	"banger/sdk"
	"banger/sdk/tree"
)

const root = "../.." // of the repository

// The builder in docs/builders.md is short, compiles, and works.
func TestHelloBuilder(t *testing.T) {
	t.Parallel()
	source := example(t, filepath.Join(root, "docs", "builders.md"))
	if n := strings.Count(source, "\n"); n > 30 {
		t.Errorf("the example has %d lines", n)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), need.Tool(t, "go", "golang"), "build", "-o", filepath.Join(dir, Prefix+"hello"), file)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h := newHost(Config{Dirs: []string{dir}, ToolPath: "/usr/bin:/bin", TempDir: t.TempDir()})
	req, _ := request(t)
	greetingTree(t, req)
	if err := h.Build(t.Context(), find(t, h, "hello"), req); err != nil {
		t.Fatal(err)
	}
	want := "./ 0755 0:0\netc/ 0755 0:0\netc/greeting 4755 3:4 hello, world\n"
	if got := listTar(t, req.Output); got != want {
		t.Errorf("the tar holds\n%swant\n%s", got, want)
	}
}

// example returns the first block of Go in a document.
func example(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```go\n")
	source, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("no Go in %s", path)
	}
	return source
}

// greetingTree fills in req's tree and pack.
func greetingTree(t *testing.T, req *sdk.Request) {
	t.Helper()
	const body = "hello, world"
	dir := t.TempDir()
	tr := tree.Tree{
		Layers: []string{"sha256:" + strings.Repeat("0", 64)},
		Entries: []tree.Entry{
			{Type: tree.Directory, Mode: 0o755},
			{Path: "etc", Type: tree.Directory, Mode: 0o755},
			{
				Path: "etc/greeting", Type: tree.Regular, Mode: 0o4755, UID: 3, GID: 4,
				Size: int64(len(body)), SHA256: sha256.Sum256([]byte(body)),
				Extents: []tree.Extent{{PackOffset: 5, Length: int64(len(body))}},
			},
		},
	}
	var file strings.Builder
	if _, err := tr.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(file.String()))
	req.TreePath, req.PackPaths = filepath.Join(dir, "tree"), []string{filepath.Join(dir, "pack")}
	req.TreeDigest = "sha256:" + hex.EncodeToString(sum[:])
	for path, content := range map[string]string{req.TreePath: file.String(), req.PackPaths[0]: "xxxxx" + body} {
		if err := os.WriteFile(path, []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
}

func listTar(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list strings.Builder
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return list.String()
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %04o %d:%d %s", h.Name, h.Mode, h.Uid, h.Gid, content)
		list.WriteString(strings.TrimSpace(line) + "\n")
	}
}
