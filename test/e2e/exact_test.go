package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
)

// TestExact holds the builds of an ordinary user that lose nothing, mounted by
// the kernel, against what umoci unpacks as root: every path, type, content,
// owner, mode, mtime to the nanosecond, xattr, device number and hardlink
// group.
func TestExact(t *testing.T) {
	need.Root(t)
	need.Tool(t, "umoci", "umoci")
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	t.Run("alpine", func(t *testing.T) {
		image := alpine(t)
		dir := t.TempDir()
		tar, layout := filepath.Join(dir, "alpine.tar"), filepath.Join(dir, "alpine")
		need.Run(t, "sh", "-c", `gzip -dc "$1" >"$2"`, "sh", strings.TrimPrefix(image, "docker-archive:"), tar)
		need.Run(t, need.Tool(t, "skopeo", "skopeo"), "copy", "-q", "docker-archive:"+tar, "oci:"+layout+":latest")
		exact(t, image, layout)
	})
	t.Run("debian", func(t *testing.T) {
		layout := debian(t)
		exact(t, "oci:"+layout, layout)
	})
}

func exact(t *testing.T, image, layout string) {
	bundle := filepath.Join(t.TempDir(), "bundle")
	need.Run(t, "umoci", "unpack", "--image", layout+":latest", bundle)
	options := fstree.Options{Skip: []string{"lost+found"}, SkipXattr: fstree.HostXattr}
	want := list(t, filepath.Join(bundle, "rootfs"), options)
	if len(want) < 100 {
		t.Fatalf("umoci unpacked %d entries", len(want))
	}
	b := newBanger(t)
	for _, builder := range []string{"debugfs", "ext4", "erofs"} {
		file := b.build(t, builder, image, "--strict")
		if builder == "erofs" {
			need.Filesystem(t, "erofs")
			need.Run(t, need.Tool(t, "fsck.erofs", "erofs-utils"), file)
		} else {
			ext4test.Fsck(t, file)
			b.run(t, "verify", image, file)
		}
		for _, line := range fstree.Diff(want, list(t, ext4test.Mount(t, file), options), 50) {
			t.Errorf("%s: %s", builder, line)
		}
	}
	t.Logf("%d entries compared", len(want))
}

func list(t *testing.T, dir string, o fstree.Options) []fstree.Record {
	t.Helper()
	l, err := fstree.List(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// debian returns the OCI layout of the three-layer Debian image.
func debian(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../build/debian-oci")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil && os.Geteuid() == 0 {
		t.Logf("making the Debian image; this takes minutes")
		need.Run(t, "../debian/mkimage", dir)
	}
	need.File(t, filepath.Join(dir, "index.json"), "make it as root with test/debian/mkimage")
	return dir
}
