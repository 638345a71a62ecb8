package buildtest

import (
	"fmt"
	"slices"
	"testing"
)

// TestOthersTellTheirLosses checks, of a tree with all that ext4 can hold, that
// what is not told as a loss is in the image, and that what is told is as told.
func TestOthersTellTheirLosses(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, fields := range map[string][]string{
		"squashfs": {"mtime", "xattr:system.posix_acl_access", "xattr:system.posix_acl_default"},
	} {
		t.Run(name, func(t *testing.T) {
			got := build(t, job{builder: name, tree: want, packs: packs})
			checkLosses(t, want, got)
			lost := fieldsOf(got.losses)
			for _, f := range fields {
				if lost[f] == 0 {
					t.Errorf("no loss of %s in %v", f, lost)
				}
				delete(lost, f)
			}
			if why := reasons(got.losses); len(lost) > 0 || slices.Contains(why, "") {
				t.Errorf("losses of %v, reasons %q", lost, why)
			}
		})
	}
}

// TestSquashfsRandomTrees holds random trees, less what is told as lost, against
// the kernel's view of their images.
func TestSquashfsRandomTrees(t *testing.T) {
	trees := randomTrees(t)
	for seed := range 12 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in := trees.Example(seed)
			checkLosses(t, in.want, build(t, job{builder: "squashfs", tree: in.want, packs: in.packs}))
		})
	}
}
