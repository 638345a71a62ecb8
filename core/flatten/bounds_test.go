package flatten

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"banger/core/layer"
	"banger/sdk/tree"
)

func oneLayer(entries ...tree.Entry) []*layer.Index {
	return []*layer.Index{{DiffID: "l", Entries: entries}}
}

// TestStepsAreBounded follows few symlinks very often, less often than the
// bound allows and more often.
func TestStepsAreBounded(t *testing.T) {
	entries := []tree.Entry{
		{Path: "d", Type: tree.Directory},
		{Path: "l", Type: tree.Symlink, Target: strings.Repeat("./", 100) + "d"},
	}
	for i := range 10 { // each in another directory, so that each is walked
		entries = append(entries, tree.Entry{Path: fmt.Sprintf("l/%d/f", i), Type: tree.Fifo})
	}
	for steps, want := range map[int64]error{1200: nil, 900: ErrLimit} {
		f := newFlattener(oneLayer(entries...), Options{MaxEntries: 100, MaxDepth: 100})
		f.steps = steps
		if _, err := f.flatten(t.Context()); !errors.Is(err, want) {
			t.Errorf("%d steps: got error %v, want %v", steps, err, want)
		}
	}
}

// TestPathsAreBounded has few bytes of names make long paths.
func TestPathsAreBounded(t *testing.T) {
	entries := []tree.Entry{{Path: strings.Repeat("d", 100), Type: tree.Directory}, {Path: "l", Type: tree.Symlink, Target: strings.Repeat("d", 100)}}
	for i := range 10 {
		entries = append(entries, tree.Entry{Path: fmt.Sprintf("l/%d", i), Type: tree.Fifo})
	}
	for room, want := range map[int64]error{100 + 1 + 10*102: nil, 100 + 10*102: ErrLimit} {
		f := newFlattener(oneLayer(entries...), Options{MaxEntries: 100, MaxDepth: 100})
		f.pathRoom = room
		if _, err := f.flatten(t.Context()); !errors.Is(err, want) {
			t.Errorf("room for %d: got error %v, want %v", room, err, want)
		}
	}
}

// TestXattrsAreBounded has many hardlinks each set another xattr.
func TestXattrsAreBounded(t *testing.T) {
	entries := []tree.Entry{{Path: "f", Type: tree.Regular}}
	for i := range 5000 {
		entries = append(entries, tree.Entry{
			Path: fmt.Sprintf("l%d", i), Type: tree.Hardlink, Target: "f",
			Xattrs: []tree.Xattr{{Name: fmt.Sprintf("user.%026d", i)}},
		})
	}
	for n, want := range map[int]error{2048: nil, 2049: ErrLimit} {
		_, err := Flatten(t.Context(), oneLayer(entries[:n+1]...), Options{})
		if !errors.Is(err, want) {
			t.Errorf("%d links: got error %v, want %v", n, err, want)
		}
	}
}

// TestPurgeWorksOnce wants a second whiteout of a directory in one layer not
// to look at its children again: a layer may have as many as there are
// children.
func TestPurgeWorksOnce(t *testing.T) {
	f := newFlattener(nil, Options{MaxEntries: 100, MaxDepth: 100})
	lower, unseen := &node{ino: &inode{}}, &node{ino: &inode{}}
	children := f.root.dir.children
	for f.layer = 1; f.layer <= 2; f.layer++ {
		children["lower"] = lower
		f.purge(f.root.dir)
		children["unseen"] = unseen
		f.purge(f.root.dir)
		if children["lower"] != nil || children["unseen"] == nil {
			t.Errorf("layer %d: the directory has %v", f.layer, children)
		}
		delete(children, "unseen")
	}
}
