package mkfse2fs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"banger/internal/need"
)

// TestReadSuper reads filesystems of several shapes as dumpe2fs does.
func TestReadSuper(t *testing.T) {
	mkfs, dump := need.Tool(t, "mke2fs", "e2fsprogs"), need.Tool(t, "dumpe2fs", "e2fsprogs")
	for label, args := range map[string][]string{
		"sixteen bytes ab": {"-t", "ext2", "-b", "1024"},
		"":                 {"-t", "ext4", "-b", "4096", "-N", "1000"},
		"grün":             {"-t", "ext4", "-O", "64bit"},
	} {
		t.Run(label, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image")
			if out, err := exec.CommandContext(t.Context(), mkfs, append(args, "-L", label, "-q", "-F", path, "20M")...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), dump, "-h", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s, err := ReadSuper(f)
			if err != nil {
				t.Fatal(err)
			}
			for field, got := range map[string]any{
				"Block size": s.BlockSize, "Block count": s.Blocks, "Free blocks": s.FreeBlocks,
				"Inode count": s.Inodes, "Free inodes": s.FreeInodes, "Filesystem UUID": s.UUID,
			} {
				if line := regexp.MustCompile(fmt.Sprintf(`(?m)^%s: +%v$`, field, got)); !line.Match(out) {
					t.Errorf("%s is not %v:\n%s", field, got, out)
				}
			}
			if s.Label != label {
				t.Errorf("label %q, want %q", s.Label, label)
			}
		})
	}
	for _, b := range [][]byte{nil, make([]byte, 1500), make([]byte, 1<<20)} {
		if _, err := ReadSuper(bytes.NewReader(b)); !errors.Is(err, ErrNotExt) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}
