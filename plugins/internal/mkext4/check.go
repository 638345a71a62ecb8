package mkext4

import (
	"fmt"

	"banger/internal/ext4"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
	"banger/sdk/tree"
)

// check refuses what mkfs.ext4 would fail at, or get wrong.
func check(t *tree.Tree) error {
	if e := t.Lookup(lostFound); e != nil && e.Type != tree.Directory {
		return fmt.Errorf("check tree: /%s is a %s, and mkfs.ext4 makes a directory of that name", lostFound, e.Type)
	}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Links > ext4.MaxLinks {
			return fmt.Errorf("check tree: %q has %d names, and an ext4 inode at most %d", e.Path, e.Links, ext4.MaxLinks)
		}
	}
	return nil
}

// slowDirectory is the number of entries from which on mkfs.ext4's time,
// which grows with their square, is felt: 5 s for 10,000, over 2 minutes for
// 50,000.
const slowDirectory = 10_000

func (j *Job) warn(c ext4size.Content) {
	if c.WidestEntries > slowDirectory {
		j.Req.Log(sdk.LogWarn, "directory %q has %d entries: mkfs.ext4 takes time that grows with their square", "/"+c.Widest, c.WidestEntries)
	}
}
