package buildtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"banger/internal/filetest"
	"banger/internal/need"
)

// hostile is an environment that must not matter.
var hostile = []string{
	"LC_ALL=de_DE.UTF-8", "LANG=ja_JP", "TZ=Pacific/Auckland", "SOURCE_DATE_EPOCH=1234567890", "E2FSPROGS_FAKE_TIME=777",
	"MKE2FS_CONFIG=/nonexistent", "E2FSCK_CONFIG=/nonexistent", "MKE2FS_FIRST_META_BG=1", "E2FSPROGS_LIBMAGIC_SUPPRESS=1",
}

// TestSameBytes: the same bytes for root and for nobody, whatever the
// directory and its filesystem, the environment, the umask and the second.
func TestSameBytes(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name := range exact {
		t.Run(name, func(t *testing.T) {
			sum := filetest.SHA256(t, build(t, job{builder: name, tree: want, packs: packs}).image)
			start := time.Now().Unix()
			for time.Now().Unix() == start {
				time.Sleep(10 * time.Millisecond)
			}
			same := func(how, image string) {
				if got := filetest.SHA256(t, image); got != sum {
					t.Errorf("%s: sha256 %s, not %s", how, got, sum)
				}
			}
			same("nobody", buildAsNobody(t, name, 0o077, want, packs, hostile...).image)
			same("nobody, open umask", buildAsNobody(t, name, 0, want, packs).image)
			same("in memory", build(t, job{builder: name, dir: memoryDir(t), tree: want, packs: packs}).image)
			for _, e := range hostile {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			same("spoilt", build(t, job{builder: name, tree: want, packs: packs, spoil: spoil(t)}).image)
		})
	}
}

// TestE2fsBytes: the same bytes from the same user, whatever else differs.
func TestE2fsBytes(t *testing.T) {
	b := newTree(t)
	small(b)
	want, packs := b.Tree()
	sums := make(map[string]string)
	for name, make := range map[string]func() built{
		"nobody 1": func() built { return buildAsNobody(t, "e2fs", 0o077, want, packs, hostile...) },
		"nobody 2": func() built { return buildAsNobody(t, "e2fs", 0, want, packs) },
		"root 1":   func() built { return build(t, job{builder: "e2fs", tree: want, packs: packs}) },
		"root 2":   func() built { return build(t, job{builder: "e2fs", tree: want, packs: packs, spoil: spoil(t)}) },
	} {
		need.Root(t)
		sums[name] = filetest.SHA256(t, make().image)
		start := time.Now().Unix()
		for time.Now().Unix() == start {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if sums["nobody 1"] != sums["nobody 2"] || sums["root 1"] != sums["root 2"] || sums["root 1"] == sums["nobody 1"] {
		t.Errorf("sha256: %v", sums)
	}
}

// spoil adds what a host might: labels, ACLs, flags, times of access and
// change.
func spoil(t *testing.T) func(string) {
	return func(staged string) {
		err := filepath.WalkDir(staged, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.Type()&os.ModeSymlink != 0 {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			mtime := info.ModTime()
			if d.IsDir() || d.Type().IsRegular() {
				spoilInode(t, path)
			}
			return os.Chtimes(path, time.Unix(5, 5), mtime)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
