package mkext4

import (
	"context"
	"fmt"

	"banger/internal/ext4"
	"banger/sdk/tree"
)

// lostFound is the directory that mke2fs makes in every root.
const lostFound = "lost+found"

// Match tells which inode of an image each entry of a tree has, as the
// image's directories say.
type Match struct {
	Inodes []uint32 // for each of the tree's entries, 0 when it is not there
	// LostFound is set when mke2fs's /lost+found is there and the tree has
	// none.
	LostFound bool
	// Places are where the names of some entries stand; see NewMatch.
	Places map[int]Place
}

// Place is a name's place in its directory.
type Place struct {
	Dir    ext4.Inode
	Dirent ext4.Dirent
}

// NewMatch reads all directories of img. It notes the places of t's hardlinks
// and fails if the image has a name that the tree has not, or has one twice.
func NewMatch(ctx context.Context, img *ext4.Image, t *tree.Tree) (*Match, error) {
	m := &Match{Inodes: make([]uint32, len(t.Entries)), Places: make(map[int]Place)}
	m.Inodes[0] = ext4.RootInode
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Type != tree.Directory || m.Inodes[i] == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := m.directory(img, t, e, m.Inodes[i]); err != nil {
			return nil, fmt.Errorf("read directory %q of the image: %w", e.Path, err)
		}
	}
	return m, nil
}

func (m *Match) directory(img *ext4.Image, t *tree.Tree, e *tree.Entry, inode uint32) error {
	dir, err := img.Inode(inode)
	if err != nil {
		return err
	}
	names, err := img.ReadDir(&dir)
	if err != nil {
		return err
	}
	for _, d := range names {
		path := join(e.Path, d.Name)
		i := t.Index(path)
		switch {
		case i < 0 && path == lostFound:
			m.LostFound = true
			continue
		case i < 0:
			return fmt.Errorf("it has %q, which the tree has not", d.Name)
		case m.Inodes[i] != 0:
			return fmt.Errorf("it has %q twice", d.Name)
		}
		m.Inodes[i] = d.Inode
		if t.Entries[i].Type == tree.Hardlink {
			m.Places[i] = Place{dir, d}
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
