package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/internal/bangertest"
	"banger/internal/filetest"
	"banger/internal/need"
)

// user runs banger as an ordinary user in a directory of the user's.
type user struct{ bin, dir string }

func (u user) banger(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), u.bin, args...)
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), "HOME="+u.dir, "TMPDIR="+u.dir)
	need.AsNobody(cmd)
	var b strings.Builder
	cmd.Stderr = &b
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), b.String()
}

// wantCode wants an exit code, and with it these texts on standard error.
func wantCode(t *testing.T, what string, want, code int, stderr string, texts ...string) {
	t.Helper()
	if code != want {
		t.Errorf("%s: exit code %d, want %d\n%s", what, code, want, stderr)
	}
	for _, text := range texts {
		if !strings.Contains(stderr, text) {
			t.Errorf("%s: no %q in\n%s", what, text, stderr)
		}
	}
}

// TestReadOnlyStore builds from a store on a read-only mount and from one whose
// directories are read-only, as root and as an ordinary user: what was built
// is had of it, what was not says why and what to do, and nothing changes.
func TestReadOnlyStore(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	u := user{bin, need.OpenDir(t)}
	good, other := filepath.Join(u.dir, "good"), filepath.Join(u.dir, "other")
	for _, kind := range []string{"good", "other"} {
		if err := writeImage(filepath.Join(u.dir, kind), kind); err != nil {
			t.Fatal(err)
		}
	}
	asRoot := func(t *testing.T, args ...string) (int, string) { return runBanger(t, bin, args...) }
	for name, tc := range map[string]struct {
		banger func(t *testing.T, args ...string) (int, string)
		lock   func(t *testing.T, store string)
	}{
		"read-only mount, root": {asRoot, remountReadOnly},
		"read-only mount, user": {u.banger, remountReadOnly},
		"read-only modes, user": {u.banger, takeWriteModes},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp(u.dir, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			store, out := filepath.Join(dir, "store"), filepath.Join(dir, "out")
			for _, builder := range []string{"e2fs", "debugfs", "ext4"} {
				code, stderr := tc.banger(t, "build", "--store", store, "--builder", builder, "oci:"+good, "-o", out+builder)
				wantCode(t, "first build", exitOK, code, stderr)
			}
			code, stderr := tc.banger(t, "pull", "--store", store, "oci:"+good)
			wantCode(t, "first pull", exitOK, code, stderr)
			tc.lock(t, store)
			before := filetest.Snapshot(t, store)
			for _, builder := range []string{"e2fs", "debugfs", "ext4"} {
				again := out + "-again-" + builder
				code, stderr := tc.banger(t, "build", "--store", store, "--builder", builder, "oci:"+good, "-o", again)
				wantCode(t, "hit", exitOK, code, stderr)
				if a, b := filetest.SHA256(t, out+builder), filetest.SHA256(t, again); a != b {
					t.Errorf("%s: %s, then %s", builder, a, b)
				}
				code, stderr = tc.banger(t, "build", "--store", store, "--builder", builder, "oci:"+other)
				wantCode(t, "miss", exitStore, code, stderr, "store is read-only", "hint: use a store that you may write to")
			}
			code, stderr = tc.banger(t, "build", "--store", store, "--builder", "ext4", "oci:"+good)
			wantCode(t, "hit that is not whole", exitStore, code, stderr, "store is read-only", "hint: have the image copied to a file, with -o FILE")
			for _, args := range [][]string{{"pull"}, {"tree"}, {"export", "-o", out + ".tar"}} {
				code, stderr := tc.banger(t, append(args, "--store", store, "oci:"+good)...)
				wantCode(t, args[0]+" of what is there", exitOK, code, stderr)
			}
			if diff := cmp.Diff(before, filetest.Snapshot(t, store)); diff != "" {
				t.Errorf("the store changed: %s", diff)
			}
		})
	}
}

func remountReadOnly(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"--bind", dir, dir}, {"-o", "remount,bind,ro", dir}} {
		if out, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput(); err != nil {
			t.Fatalf("mount %v: %v\n%s", args, err, out)
		}
		if args[0] == "--bind" {
			t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() }) //nolint:noctx // after the test's context
		}
	}
}

func takeWriteModes(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "chmod", "-R", "a-w", dir).CombinedOutput(); err != nil {
		t.Fatalf("chmod: %v\n%s", err, out)
	}
}

// TestStoreOfOthers has an ordinary user build from root's store, and root in
// the user's, which the user can use on.
func TestStoreOfOthers(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	u := user{bangertest.Binary(t), need.OpenDir(t)}
	image := filepath.Join(u.dir, "image")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	ofRoot, ofUser := filepath.Join(u.dir, "root"), filepath.Join(u.dir, "user")
	code, stderr := runBanger(t, u.bin, "build", "--store", ofRoot, "--builder", "debugfs", "oci:"+image)
	wantCode(t, "root's build", exitOK, code, stderr)
	code, stderr = u.banger(t, "build", "--store", ofRoot, "--builder", "debugfs", "oci:"+image, "-o", filepath.Join(u.dir, "a"))
	wantCode(t, "the user's hit", exitOK, code, stderr)
	code, stderr = u.banger(t, "build", "--store", ofRoot, "--builder", "debugfs", "oci:"+image, "--opt", "label=x")
	wantCode(t, "the user's miss", exitStore, code, stderr, "store is read-only", "hint:")

	code, stderr = u.banger(t, "pull", "--store", ofUser, "oci:"+image)
	wantCode(t, "the user's pull", exitOK, code, stderr)
	old := filepath.Join(u.dir, "umask")
	code, stderr = runBanger(t, "sh", "-c", fmt.Sprintf("umask 077; exec %s build --store %s --builder debugfs oci:%s -o %s", u.bin, ofUser, image, old))
	wantCode(t, "root's build in the user's store", exitOK, code, stderr)
	for _, args := range [][]string{{"-o", filepath.Join(u.dir, "b")}, {"--no-cache", "-o", filepath.Join(u.dir, "c")}, {"--opt", "label=x"}} {
		code, stderr = u.banger(t, append([]string{"build", "--store", ofUser, "--builder", "debugfs", "oci:" + image}, args...)...)
		wantCode(t, fmt.Sprint("the user's build ", args), exitOK, code, stderr)
	}
	for _, name := range []string{"b", "c"} {
		if a, b := filetest.SHA256(t, filepath.Join(u.dir, "a")), filetest.SHA256(t, filepath.Join(u.dir, name)); a != b {
			t.Errorf("%s is %s, want %s", name, b, a)
		}
	}
}

// TestStoreFills fills a store of 4 MiB at several moments of a build, the copy
// of an archive first of all: each time the store is to blame, nothing is
// left, and with space again the same command succeeds.
func TestStoreFills(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	dir := t.TempDir()
	layout := filepath.Join(dir, "layout")
	if err := writeImage(layout, "large"); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "image.tar.gz")
	writeArchive(t, layout, archive)
	want := ""
	for name, ref := range map[string]string{"layer": "oci:" + layout, "archive": "oci-archive:" + archive} {
		for _, free := range []int{100, 1000, 2500, 3600} {
			t.Run(fmt.Sprintf("%s, %d KiB free", name, free), func(t *testing.T) {
				disk := smallDisk(t, "4m")
				store, out := filepath.Join(disk, "store"), filepath.Join(dir, "out.ext4")
				filler := filepath.Join(disk, "filler")
				if err := os.WriteFile(filler, make([]byte, (4<<10-free)<<10), 0o600); err != nil {
					t.Fatal(err)
				}
				code, stderr := runBanger(t, bin, "build", "--store", store, ref, "-o", out)
				wantCode(t, "build", exitStore, code, stderr, "no space left", "hint: free space")
				if _, err := os.Stat(out); err == nil {
					t.Error("there is an output")
				}
				for _, sub := range []string{"tmp", "artifacts/sha256", "quarantine"} {
					assertEmpty(t, filepath.Join(store, sub))
				}
				if err := os.Remove(filler); err != nil {
					t.Fatal(err)
				}
				enlarge(t, disk)
				code, stderr = runBanger(t, bin, "build", "--store", store, ref, "-o", out)
				wantCode(t, "with space again", exitOK, code, stderr)
				sum := filetest.SHA256(t, out)
				if want == "" {
					want = sum
				}
				if sum != want {
					t.Errorf("the image is %s, and was %s before", sum, want)
				}
				if err := os.Remove(out); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func enlarge(t *testing.T, disk string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size=200m", disk).CombinedOutput(); err != nil {
		t.Fatalf("remount: %v\n%s", err, out)
	}
}

// writeArchive makes a compressed archive of a layout.
func writeArchive(t *testing.T, layout, path string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.AddFS(os.DirFS(layout)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
