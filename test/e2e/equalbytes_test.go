package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"banger/internal/filetest"
	"banger/internal/need"
)

// TestEqualBytes builds twice in surroundings that differ in every way that
// must not matter: store, TMPDIR, working directory, umask, locale, time zone
// and the second of the clock.
func TestEqualBytes(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	image := alpine(t)
	for _, builder := range []string{"e2fs", "debugfs", "ext4", "erofs"} {
		t.Run(builder, func(t *testing.T) {
			first := newBanger(t)
			first.env = []string{"LC_ALL=C", "TZ=UTC"}
			want := filetest.SHA256(t, first.build(t, builder, image))

			waitForNextSecond(t)
			second := newBanger(t)
			second.umask = "077"
			second.env = []string{
				"LC_ALL=C.UTF-8", "TZ=Asia/Kathmandu", "SOURCE_DATE_EPOCH=1", "MKE2FS_CONFIG=/nonexistent",
				"TMPDIR=" + makeDir(t, second.dir, "elsewhere"),
				"BANGER_STORE=" + filepath.Join(second.dir, "a store, with a longer name"),
			}
			if got := filetest.SHA256(t, second.build(t, builder, image)); got != want {
				t.Errorf("sha256 %s in other surroundings, %s before", got, want)
			}
		})
	}
}

// TestEqualBytesForAllUsers builds as root and as an ordinary user.
func TestEqualBytesForAllUsers(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	image := alpine(t)
	user := newBanger(t)
	root := newBanger(t)
	root.root = true
	for _, builder := range []string{"debugfs", "ext4", "erofs"} {
		if got, want := filetest.SHA256(t, root.build(t, builder, image)), filetest.SHA256(t, user.build(t, builder, image)); got != want {
			t.Errorf("%s: sha256 %s as root, %s as an ordinary user", builder, got, want)
		}
	}
}

// waitForNextSecond returns when the clock shows another second than it did
// at the call, so that a leaked timestamp would show.
func waitForNextSecond(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second))):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// makeDir makes a directory that the user of an ordinary run may write to.
func makeDir(t *testing.T, parent, name string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
