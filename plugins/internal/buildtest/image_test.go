package buildtest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"banger/internal/ext4"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/plugins/internal/mkext4"
	"banger/sdk/tree"
)

// TestSuperblock: the features are those that banger names and no others.
func TestSuperblock(t *testing.T) {
	b := newTree(t)
	want, packs := b.Tree()
	for name := range builders {
		got := build(t, job{builder: name, tree: want, packs: packs})
		out, err := exec.CommandContext(t.Context(), need.Tool(t, "dumpe2fs", "e2fsprogs"), "-h", got.image).Output()
		if err != nil {
			t.Fatalf("dumpe2fs: %v", err)
		}
		fields := make(map[string]string)
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.TrimSpace(value)
		}
		for key, value := range map[string]string{
			"Filesystem volume name": "banger-rootfs",
			"Filesystem features": "has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super " +
				"large_file huge_file dir_nlink extra_isize metadata_csum",
			"Filesystem flags":     "signed_directory_hash",
			"Filesystem state":     "clean",
			"Errors behavior":      "Continue",
			"Reserved block count": "0",
			"Block size":           "4096",
			"Inode size":           "256",
			"Maximum mount count":  "-1",
			"Filesystem created":   "Thu Jan  1 00:00:01 1970",
		} {
			if fields[key] != value {
				t.Errorf("%s: %s is %q, not %q", name, key, fields[key], value)
			}
		}
		if uuid := fields["Filesystem UUID"]; len(uuid) != 36 || uuid[14] != '8' || uuid == fields["Directory Hash Seed"] {
			t.Errorf("%s: UUID %s, hash seed %s", name, uuid, fields["Directory Hash Seed"])
		}
	}
}

// TestInodeNumbers: mkfs.ext4 numbers inodes from 12 on in the order in which
// a walk by names meets them, which is what makes images equal.
func TestInodeNumbers(t *testing.T) {
	b := newTree(t)
	contents(b)
	names(b)
	want, packs := b.Tree()
	want.Entries = slices.DeleteFunc(want.Entries, func(e tree.Entry) bool { return e.Type == tree.CharDevice })
	got := build(t, job{builder: "debugfs", tree: want, packs: packs})
	img, err := ext4.Open(got.image)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	m, err := mkext4.NewMatch(t.Context(), img, want)
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, len(want.Entries)-1)
	for i := range order {
		order[i] = i + 1
	}
	slices.SortFunc(order, func(a, b int) int {
		return slices.Compare(strings.Split(want.Entries[a].Path, "/"), strings.Split(want.Entries[b].Path, "/"))
	})
	for k, i := range order {
		if n := m.Inodes[i]; n != uint32(12+k) {
			t.Errorf("%q is inode %d, not %d", want.Entries[i].Path, n, 12+k)
		}
	}
}

// TestUUIDs differ with the tree, the label and the builder.
func TestUUIDs(t *testing.T) {
	seen := make(map[[16]byte]string)
	for name := range builders {
		for _, label := range []string{"a", "b"} {
			for _, file := range []string{"x", "y"} {
				b := treetest.New(t.TempDir())
				b.File(file, "")
				want, packs := b.Tree()
				got := build(t, job{builder: name, tree: want, packs: packs, options: map[string]string{"label": label}})
				uuid, what := superOf(t, got.image).UUID, name+label+file
				if seen[uuid] != "" {
					t.Errorf("%s has the UUID of %s", what, seen[uuid])
				}
				seen[uuid] = what
			}
		}
	}
}
