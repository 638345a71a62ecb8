package flatten_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// TestOverlayAgreesOnRandomImages mounts layers with the kernel's overlayfs,
// which knows nothing of tars: each becomes a directory with overlayfs' own
// whiteouts and opaque marks.
func TestOverlayAgreesOnRandomImages(t *testing.T) {
	need.Root(t)
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			d := &imageDrawer{ctx: t.Context(), Rand: rand.New(rand.NewPCG(seed, 1)), overlay: true}
			d.draw()
			dir := t.TempDir()
			none := filepath.Join(dir, "none") // overlayfs wants two at least
			mkdir(t, none)
			lower := []string{none}
			for i, x := range d.layers {
				layerDir := filepath.Join(dir, fmt.Sprint(i))
				if overlayLayer(t, layerDir, x.Entries, d.parts[i], d.hidden[i]) {
					lower = []string{none}
				}
				lower = append([]string{layerDir}, lower...)
			}
			merged := filepath.Join(dir, "merged")
			mkdir(t, merged)
			need.Mount(t, merged, "-t", "overlay", "-o", "ro,lowerdir="+strings.Join(lower, ":"), "overlay")
			compare(t, mustFlatten(t, d.tars()...), merged, fstree.Options{SkipXattr: fstree.HostXattr})
		})
	}
}

// overlayLayer makes dir what overlayfs wants for the layer: what GNU tar
// extracts, then whiteouts and opaque marks. It reports whether the layer's
// root is opaque, which overlayfs cannot have: lower layers are left out then.
func overlayLayer(t *testing.T, dir string, entries []tree.Entry, parts [][]byte, hidden map[string]bool) bool {
	t.Helper()
	mkdir(t, dir)
	types := map[string]tree.Type{}
	opaque := map[string]bool{}
	var rest [][]byte
	for i, e := range entries {
		types[filepath.Clean(e.Path)] = e.Type
		if !strings.HasPrefix(filepath.Base(e.Path), ".wh.") {
			rest = append(rest, parts[i])
		}
	}
	extract(t, dir, tartest.Join(rest...))
	for _, e := range entries {
		parent, base := filepath.Split(filepath.Clean(e.Path))
		name, isWhiteout := strings.CutPrefix(base, ".wh.")
		switch name = filepath.Join(parent, name); {
		case !isWhiteout:
		case base == ".wh..wh..opq":
			opaque[filepath.Clean(parent)] = true
		case types[name] == tree.Directory:
			opaque[name] = true
		}
	}
	for p := range opaque {
		if err := unix.Setxattr(filepath.Join(dir, p), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
			t.Fatalf("mark opaque: %v", err)
		}
	}
	for _, e := range entries {
		parent, base := filepath.Split(e.Path)
		name := filepath.Join(parent, strings.TrimPrefix(base, ".wh."))
		if hidden[e.Path] && types[name] == 0 && !inside(opaque, name) {
			whiteoutDevice(t, filepath.Join(dir, name))
		}
	}
	return opaque["."]
}

// inside reports whether path lies in an opaque directory. overlayfs lists
// whiteouts there, having nothing to merge, and then does not find them.
func inside(opaque map[string]bool, path string) bool {
	for path != "." {
		path = filepath.Dir(path)
		if opaque[path] {
			return true
		}
	}
	return false
}

func extract(t *testing.T, dir string, tarball []byte) {
	t.Helper()
	tar := need.Tool(t, "tar", "tar")
	cmd := exec.CommandContext(t.Context(), tar, "-xpPf", "-", "-C", dir, "--numeric-owner", "--xattrs", "--xattrs-include=*", "--delay-directory-restore", "--warning=no-timestamp")
	cmd.Stdin = bytes.NewReader(tarball)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}

// whiteoutDevice makes overlayfs' whiteout and leaves its directory's mtime.
func whiteoutDevice(t *testing.T, path string) {
	t.Helper()
	var st unix.Stat_t
	err := unix.Stat(filepath.Dir(path), &st)
	if err == nil {
		err = unix.Mknod(path, unix.S_IFCHR, 0)
	}
	if err == nil {
		err = unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Dir(path), []unix.Timespec{st.Atim, st.Mtim}, 0)
	}
	if err != nil && !errors.Is(err, unix.EEXIST) { // named twice
		t.Fatalf("make whiteout: %v", err)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
