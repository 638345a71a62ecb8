package buildtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"banger/internal/hint"
	"banger/plugins/internal/e2fsprogs"
	"banger/sdk/tree"
)

// fakeTool puts a shell script first in PATH. It answers -V as the real one.
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	text := "#!/bin/sh\nif [ \"$1\" = -V ]; then echo 'mke2fs 1.47.0 (5-Feb-2023)' >&2; exit; fi\n" + script
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestCancel: a build ends with its context, and what it started with it.
func TestCancel(t *testing.T) {
	for _, name := range withTools {
		for _, tool := range []string{"mkfs.ext4", "debugfs"} {
			t.Run(name+" "+tool, func(t *testing.T) {
				pidFile := filepath.Join(t.TempDir(), "pid")
				fakeTool(t, tool, "echo $$ > "+pidFile+".new; mv "+pidFile+".new "+pidFile+"; exec sleep 1000\n")
				b := newTree(t)
				small(b)
				want, packs := b.Tree()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var pid int
				go func() {
					for ctx.Err() == nil {
						if text, err := os.ReadFile(pidFile); err == nil {
							pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
							cancel()
						}
						time.Sleep(5 * time.Millisecond)
					}
				}()
				_, err := run(ctx, job{builder: name, dir: t.TempDir(), tree: want, packs: packs})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				<-ctx.Done()
				if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
					t.Errorf("process %d is still there: %v", pid, err)
				}
			})
		}
	}
}

// TestMissingTools: Describe knows, and Build says what to do.
func TestMissingTools(t *testing.T) {
	for name, script := range map[string]string{
		"old":     "#!/bin/sh\necho 'mke2fs 1.42.9 (28-Dec-2013)' >&2\n",
		"fails":   "#!/bin/sh\necho 'cannot execute' >&2; exit 1\n",
		"silent":  "#!/bin/sh\n",
		"renamed": "#!/bin/sh\nif [ \"$1\" = -V ]; then echo 'mke2fs 1.99-WIP (1-Jan-2030)' >&2; exit; fi; echo 'no such option' >&2; exit 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "mkfs.ext4"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			b := newTree(t)
			want, packs := b.Tree()
			_, err := run(t.Context(), job{builder: "e2fs", dir: t.TempDir(), tree: want, packs: packs})
			if err == nil {
				t.Fatal("no error")
			}
			if name == "old" && (!errors.Is(err, e2fsprogs.ErrMissing) || hint.Of(err) != "install a newer e2fsprogs") {
				t.Errorf("got %v, hint %q", err, hint.Of(err))
			}
			if name == "renamed" && !strings.Contains(err.Error(), "no such option") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestComplaints: a debugfs that complains and exits 0, and one that does
// nothing at all, never make an image.
func TestComplaints(t *testing.T) {
	for name, c := range map[string]struct{ script, text string }{
		"complains": {"echo 'debugfs 1.47.0 (5-Feb-2023)' >&2; printf 'sif: Something\\033[2J wrong\\n' >&2\n", `run debugfs: it says "sif: Something\x1b[2J wrong"`},
		"idle":      {"echo 'debugfs 1.47.0 (5-Feb-2023)' >&2\n", "ext4 could hold it"},
		"crashes":   {"kill -SEGV $$\n", "signal: segmentation fault"},
		"disk full": {"echo 'debugfs: No space left on device while closing filesystem' >&2\n", "no space left on device"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeTool(t, "debugfs", c.script)
			b := newTree(t)
			b.Dir("lost+found")
			b.Content(tree.Entry{Path: "a", Mode: 0o644, UID: 7}, "a")
			want, packs := b.Tree()
			_, err := run(t.Context(), job{builder: "debugfs", dir: t.TempDir(), tree: want, packs: packs})
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFsckComplains: the debugfs builder ends with e2fsck -fn, and what that
// finds is no image.
func TestFsckComplains(t *testing.T) {
	fakeTool(t, "e2fsck", "case \"$*\" in *'-f -n '*) echo 'Free blocks count wrong (7, counted=8).'; exit 4;; esac\n")
	b := newTree(t)
	small(b)
	want, packs := b.Tree()
	_, err := run(t.Context(), job{builder: "debugfs", dir: t.TempDir(), tree: want, packs: packs})
	if err == nil || !strings.Contains(err.Error(), "Free blocks count wrong") {
		t.Errorf("got %v", err)
	}
}

// TestWrongDirectory: an image of anything but the tree is an error.
func TestWrongDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(string) error
		text  string
	}{
		"more":   {func(d string) error { return os.WriteFile(d+"/b", nil, 0o600) }, `it has "b", which the tree has not`},
		"less":   {func(d string) error { return os.Remove(d + "/a") }, `mkfs.ext4 has left out "a"`},
		"longer": {func(d string) error { return os.WriteFile(d+"/a", []byte("longer"), 0o600) }, "it has 6 bytes there, not 1"},
		"other":  {func(d string) error { return errors.Join(os.Remove(d+"/a"), os.Mkdir(d+"/a", 0o700)) }, "not that of a file"},
	} {
		for _, builder := range withTools {
			t.Run(name+" "+builder, func(t *testing.T) {
				b := newTree(t)
				b.File("a", "a")
				want, packs := b.Tree()
				_, err := run(t.Context(), job{builder: builder, dir: t.TempDir(), tree: want, packs: packs, spoil: func(staged string) {
					if err := c.spoil(staged); err != nil {
						t.Fatal(err)
					}
				}})
				if err == nil || !strings.Contains(err.Error(), c.text) && !strings.Contains(err.Error(), "e2fsck") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// TestOptions: labels.
func TestOptions(t *testing.T) {
	b := newTree(t)
	want, packs := b.Tree()
	for label, ok := range map[string]bool{"": true, "-x, y=z": true, "sixteen bytes ok": true, "seventeen is more": false} {
		for builder := range builders {
			got, err := run(t.Context(), job{builder: builder, dir: t.TempDir(), tree: want, packs: packs, options: map[string]string{"label": label}})
			if (err == nil) != ok {
				t.Errorf("%s, label %q: %v", builder, label, err)
			}
			if err == nil && superOf(t, got.image).Label != label {
				t.Errorf("%s: label %q, not %q", builder, superOf(t, got.image).Label, label)
			}
		}
	}
}
