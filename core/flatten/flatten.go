// Package flatten turns the layers of an image into one tree.
//
// It is pure: it reads layer indexes, keeps the tree as a data structure, and
// never touches the host's filesystem, so that no name in an image can mean
// anything outside it.
//
// What holds, whatever the layers say:
//
//   - Layers apply oldest first and their entries in tar order. A later entry
//     replaces what stood at its path with all below it; only a directory
//     over a directory merges, and the later attributes win, xattrs included.
//   - A whiteout hides what lower layers put at its path and nothing of its
//     own layer, wherever it stands in the tar. A directory of a lower layer
//     that stays only because its own layer put something below it is then
//     one that no entry declares.
//   - The parent of a name, of a whiteout and of a hardlink's target resolves
//     inside the root against the tree as it stands when the entry is met,
//     through at most 255 symlinks; ".." stops at the root. A missing parent,
//     or one that is not a directory, becomes a directory, except for a
//     whiteout or a hardlink's target, which then names nothing.
//   - Directories that no entry declares are 0755, 0:0, with the mtime of the
//     first entry of the layer that needed them.
//   - The target of a hardlink is looked up when the link is met, and if it is
//     not there yet, again when its layer ends. Owner, mode and mtime of the
//     link entry then become the inode's, and its xattrs are set by name
//     beside those that the inode has, which is what link, chown, setxattr and
//     chmod in a row do in a runtime.
//   - A symlink has the mode 0777, the only one that Linux gives one.
//
// What does not hold: names below ".wh..wh.*" directories are dropped as aufs
// metadata, so a hardlink to one of aufs' own pseudo-links fails as missing.
package flatten

import (
	"context"
	"fmt"

	"banger/core/layer"
	"banger/sdk/tree"
)

// Revision goes up whenever equal layers would give another tree. It is part
// of every action key.
const Revision = 1

// The limits of zero Options.
const (
	// DefaultMaxEntries is ten times what the largest common images hold.
	DefaultMaxEntries = 10_000_000
	// DefaultMaxDepth is half the depth that Linux' PATH_MAX allows.
	DefaultMaxDepth = 1024
)

// Limits that have no option, because filesystems or the kernel set them.
const (
	maxName    = 255     // bytes of a name, NAME_MAX of limits.h
	maxPath    = 4095    // bytes of a path or a symlink's target, PATH_MAX less its NUL
	maxLinks   = 255     // symlinks followed for one path
	maxXattrs  = 1 << 16 // bytes of one inode's xattr names, XATTR_LIST_MAX of limits.h
	maxSteps   = 1 << 28 // names of symlink targets walked for one image, some seconds
	maxAllPath = 1 << 30 // bytes of all paths of a tree
)

// Options of Flatten. The zero value refuses unsafe paths and has the default
// limits.
type Options struct {
	// Contain takes absolute entry names and symlinks whose relative target
	// climbs above the root as a chroot would: inside the root, targets kept
	// verbatim. Otherwise they are errors.
	Contain bool
	// MaxEntries bounds the entries of all layers together, with the
	// directories that their names imply. 0 is DefaultMaxEntries.
	MaxEntries int64
	// MaxDepth bounds the components of a path. 0 is DefaultMaxDepth.
	MaxDepth int
}

// WithDefaults returns o with its limits filled in.
func (o Options) WithDefaults() Options {
	if o.MaxEntries == 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	return o
}

// Warning is about something in the tree that is taken as it is, but is
// hardly what the image's author meant.
type Warning struct {
	Layer string // diffID
	Entry int    // index in the layer, from 0
	Path  string // in the tree
	Text  string
}

// Result is what layers flatten to.
type Result struct {
	// Tree is valid by tree.Validate.
	*tree.Tree
	Warnings []Warning // in the order of their entries
	// MaxEntries and MaxDepth are the least Options that allow it.
	MaxEntries int64
	MaxDepth   int
}

// Flatten applies layers, oldest first, and returns the tree they make.
//
// Tree.Layers names the layers that hold contents of the tree and no others,
// in the order in which the entries refer to them, so that equal trees are
// equal in all fields. The tree shares memory with the layers: neither may be
// modified while the other is in use.
//
// An error about an entry is an *Error and wraps one of this package's
// sentinels. Paths that are too long only all together are an ErrLimit, and
// the other errors are the context's.
func Flatten(ctx context.Context, layers []*layer.Index, o Options) (*Result, error) {
	return newFlattener(layers, o.WithDefaults()).flatten(ctx)
}

func newFlattener(layers []*layer.Index, o Options) *flattener {
	return &flattener{opts: o, layers: layers, root: newRoot(), steps: maxSteps, pathRoom: maxAllPath}
}

// flattener is the state of one Flatten.
type flattener struct {
	opts   Options
	layers []*layer.Index
	root   *node

	layer    int32  // number of the layer being applied, from 1
	entry    int    // index of the entry being applied
	deferred []link // links of this layer whose inode is not known yet

	count    int64 // entries and implied directories so far, for MaxEntries
	depth    int   // of the deepest path so far, for MaxDepth
	steps    int64 // names of symlink targets that may still be walked
	pathRoom int64 // bytes that all paths of the tree may have
	warnings []warned

	// The last parent that resolve found. It holds until a name is removed or
	// replaced: what is merely added cannot lead an existing path elsewhere.
	lastParent string
	lastDir    *node
	okParent   string // the last parent that checkParents found good
}

func (f *flattener) flatten(ctx context.Context) (*Result, error) {
	for i := range f.layers {
		if err := f.applyLayer(ctx, i); err != nil {
			return nil, err
		}
	}
	t, err := f.emit(ctx)
	if err != nil {
		return nil, err
	}
	return &Result{Tree: t, Warnings: f.keptWarnings(t), MaxEntries: f.count, MaxDepth: f.depth}, nil
}

// applyLayer applies layers[i] onto the tree.
func (f *flattener) applyLayer(ctx context.Context, i int) error {
	f.layer = int32(i + 1)
	x := f.layers[i]
	for k := range x.Entries {
		if k%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("flatten layer %s: %w", x.DiffID, context.Cause(ctx))
		}
		f.entry = k
		if err := f.apply(&x.Entries[k]); err != nil {
			return f.fail(k, err)
		}
	}
	return f.settleLinks()
}

// fail names the place of an error in the layer being applied.
func (f *flattener) fail(entry int, err error) error {
	x := f.layers[f.layer-1]
	return &Error{Layer: x.DiffID, Entry: entry, Path: x.Entries[entry].Path, Err: err}
}

// admit counts one more entry or implied directory.
func (f *flattener) admit() error {
	if f.count++; f.count > f.opts.MaxEntries {
		return limit("--limit-entries", "more than %d entries", f.opts.MaxEntries)
	}
	return nil
}

// admitDepth notes that a path has so many components.
func (f *flattener) admitDepth(depth int) error {
	if f.depth = max(f.depth, depth); depth > f.opts.MaxDepth {
		return limit("--limit-depth", "a path of more than %d components", f.opts.MaxDepth)
	}
	return nil
}
