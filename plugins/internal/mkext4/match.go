package mkext4

import (
	"context"
	"fmt"
	"sort"

	"banger/plugins/internal/ext4img"
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
	Dir    ext4img.Inode
	Dirent ext4img.Dirent
}

// NewMatch reads all directories of img. It notes the places of t's hardlinks
// and fails if the image has a name that the tree has not, or has one twice.
func NewMatch(ctx context.Context, img *ext4img.Image, t *tree.Tree) (*Match, error) {
	m := &Match{Inodes: make([]uint32, len(t.Entries)), Places: make(map[int]Place)}
	m.Inodes[0] = ext4img.RootInode
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

func (m *Match) directory(img *ext4img.Image, t *tree.Tree, e *tree.Entry, inode uint32) error {
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
		i := Find(t, path)
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

// Target returns the index of the entry that carries the attributes of entry
// i: another one for a hardlink.
func Target(t *tree.Tree, i int) int {
	if t.Entries[i].Type == tree.Hardlink {
		return Find(t, t.Entries[i].Target)
	}
	return i
}

// Find returns the index of the entry at path, or -1.
func Find(t *tree.Tree, path string) int {
	i := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Path >= path })
	if i == len(t.Entries) || t.Entries[i].Path != path {
		return -1
	}
	return i
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
