package treetar_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// TestExtracted has other programs extract archives as root and holds what
// the kernel then says against the tree.
func TestExtracted(t *testing.T) {
	need.Root(t)
	tests := []struct {
		name    string
		command []string
		spare   func(*tree.Entry) // takes out what the program is known to misread
		ignore  func(*fstree.Record)
	}{
		// Without -P it makes absolute symlinks last, and spoils their directory's time.
		{"GNU tar", []string{need.Tool(t, "tar", "tar"), "--numeric-owner", "--xattrs", "--xattrs-include=*", "-Pxpf"}, func(*tree.Entry) {}, nil},
		{"bsdtar", []string{need.Tool(t, "bsdtar", "libarchive-tools"), "--numeric-owner", "-xpf"}, func(e *tree.Entry) {
			if e.MTime.Sec < 0 {
				e.MTime.Nsec = 0
			}
		}, func(r *fstree.Record) {
			if r.Path == "" {
				r.MTime = tree.Time{} // it does not give "./" its time
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packs, parent := t.TempDir(), t.TempDir()
			rapid.Check(t, func(rt *rapid.T) {
				tr, p := treetest.Draw(rt, packs, treetest.Limits{Kernel: true})
				for i := range tr.Entries {
					test.spare(&tr.Entries[i])
				}
				dir := extract(t, rt, parent, write(t, tr, p), test.command)
				defer os.RemoveAll(dir)
				o := fstree.Options{Edit: test.ignore}
				got, err := fstree.List(t.Context(), dir, o)
				if err != nil {
					rt.Fatal(err)
				}
				if d := fstree.Diff(fstree.FromTree(tr, o), got, 20); d != nil {
					rt.Fatal(strings.Join(d, "\n"))
				}
			})
		})
	}
}

func extract(t *testing.T, rt *rapid.T, parent string, archive []byte, command []string) string {
	dir, err := os.MkdirTemp(parent, "x-")
	if err == nil {
		err = os.WriteFile(filepath.Join(parent, "archive"), archive, 0o600)
	}
	if err != nil {
		rt.Fatal(err)
	}
	args := append(command[1:len(command):len(command)], filepath.Join(parent, "archive"), "-C", dir)
	cmd := exec.CommandContext(t.Context(), command[0], args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		rt.Fatalf("%v: %s", err, out)
	}
	return dir
}

// TestSparseIsStoredAndKept has both programs extract a sparse file.
func TestSparseIsStoredAndKept(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.Sparse(tree.Entry{Path: "sparse", Mode: 0o644}, 1<<26,
		treetest.Piece{Offset: 1000, Data: "odd"}, treetest.Piece{Offset: 5000, Data: strings.Repeat("x", 700)}, treetest.Piece{Offset: 1 << 25, Data: "y"})
	tr, p := b.Tree()
	archive := write(t, tr, p)
	if len(archive) > 20<<10 {
		t.Errorf("the archive has %d bytes", len(archive))
	}
	for _, command := range [][]string{{need.Tool(t, "tar", "tar"), "-xpf"}, {need.Tool(t, "bsdtar", "libarchive-tools"), "-xpf"}} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/archive", archive, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], "archive")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var st unix.Stat_t
		if err := unix.Stat(dir+"/sparse", &st); err != nil || st.Size != 1<<26 || st.Blocks*512 > 64<<10 {
			t.Errorf("%s: %d bytes in %d, error %v", command[0], st.Size, st.Blocks*512, err)
		}
	}
}
