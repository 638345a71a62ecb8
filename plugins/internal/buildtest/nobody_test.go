package buildtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// order is what the test binary reads from its environment when it is to
// build as another user; the pack is its descriptor 3.
type order struct {
	Builder, Tree, Dir string
	Umask              int
	Digest             string // of the tree file, for a build that reads it itself
}

const orderVariable = "BANGER_BUILDTEST_ORDER"

func TestMain(m *testing.M) {
	text := os.Getenv(orderVariable)
	if text == "" {
		need.PrivateMounts()
		os.Exit(m.Run())
	}
	if err := obey(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if o.Digest != "" {
		return buildAlone(o)
	}
	f, err := os.Open(o.Tree)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := tree.Read(f)
	if err != nil {
		return err
	}
	setUmask(o.Umask)
	packs := &treetest.Packs{File: os.NewFile(3, "pack")}
	b, err := run(context.Background(), job{builder: o.Builder, dir: o.Dir, tree: t, packs: packs})
	if err != nil {
		return err
	}
	return sdk.WriteLosses(os.Stdout, b.losses)
}

// buildAsNobody builds in another process as an ordinary user, with an
// environment of its own.
func buildAsNobody(t *testing.T, builder string, umask int, want *tree.Tree, packs *treetest.Packs, env ...string) built {
	t.Helper()
	needFor(t, builder)
	dir := need.OpenDir(t)
	exe := copyOfTest(t, dir)
	o := order{Builder: builder, Tree: filepath.Join(dir, "input"), Dir: filepath.Join(dir, "work"), Umask: umask}
	if _, err := writeTree(o.Tree, want); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		for _, path := range []string{o.Tree, o.Dir} {
			if err := os.Chown(path, need.Nobody, need.Nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append([]string{orderVariable + "=" + string(text), "PATH=" + os.Getenv("PATH")}, env...)
	cmd.ExtraFiles = []*os.File{packs.File}
	cmd.Stderr = os.Stderr
	need.AsNobody(cmd)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build as nobody with %s: %v", builder, err)
	}
	losses, err := sdk.ReadLosses(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(o.Dir, "image")
	check(t, builder, image)
	return built{image: image, losses: losses}
}

// copyOfTest copies the test binary to where nobody can run it.
func copyOfTest(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
