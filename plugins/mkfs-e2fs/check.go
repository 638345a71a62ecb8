package mkfse2fs

import (
	"context"

	"banger/plugins/internal/e2fsprogs"
	"banger/sdk"
)

// Checked is a program of e2fsprogs as it was found, with what matters of its
// version, for people.
type Checked struct {
	sdk.Tool // Path is "" when it is not installed
	Can      []string
	Cannot   []string
}

// Check looks for the programs that the ext4 builders run: mkfs.ext4, debugfs
// and e2fsck.
func Check(ctx context.Context) []Checked {
	var found []Checked
	for _, t := range e2fsprogs.Describe(ctx, e2fsprogs.MkfsName, e2fsprogs.DebugfsName, e2fsprogs.FsckName) {
		c := Checked{Tool: t}
		if t.Path != "" {
			c.Can, c.Cannot = e2fsprogs.Abilities(t.Name, t.Version)
		}
		found = append(found, c)
	}
	return found
}
