package stage

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"banger/internal/sparse"
	"banger/sdk"
	"banger/sdk/tree"
)

const (
	// batch is how many entries a worker takes at a time: neighbours in path
	// order, so that it seldom changes its directory.
	batch = 128

	maxWorkers = 8
)

// Available returns nil where this package can stage, and else why it cannot.
func Available() error { return nil }

// Dir stages t in the existing empty directory dir and returns what that
// directory does not hold of the tree, sorted by path.
//
// With [sdk.StagingFaithful] it is as true to the tree as this process can
// make it. A process with the capabilities CHOWN, DAC_OVERRIDE, FOWNER and
// FSETID keeps owners and modes; another one keeps neither owners nor what it
// may not set, and gets modes that let it read what is staged (0400 for
// files, 0500 for directories, added to the tree's). Devices and xattrs are
// as the kernel allows; what it refuses is not there. Each deviation is a
// loss: "owner", "mode", "mtime", "type" (not staged at all) and "xattr:NAME".
// A loss of the root about an xattr that was not wanted stands for one that
// the host puts on every file.
//
// With [sdk.StagingPlain] names, contents, hardlinks, symlinks, fifos and, as
// far as the filesystem holds them, mtimes are the tree's; everything is the
// caller's, 0700 and 0600, without xattrs; devices are left out. That is the
// same for every user and umask, and none of it is a loss.
//
// The SHA-256 of every file is checked, with an error that wraps
// [ErrContent]. Files of 64 KiB and more share blocks with the packs where the
// filesystem can.
//
// progress, if not nil, is told the bytes of content staged so far and in
// all; it is never called by two goroutines at once.
func Dir(ctx context.Context, t *tree.Tree, packs tree.Packs, dir string, how sdk.Staging, progress func(done, total int64)) ([]sdk.Loss, error) {
	if how != sdk.StagingFaithful && how != sdk.StagingPlain {
		return nil, fmt.Errorf("stage: unknown way of staging %d", how)
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("stage in %s: %w", dir, err)
	}
	defer unix.Close(root)
	s := &stager{
		tree: t, packs: packs, root: root, plain: how == sdk.StagingPlain,
		privileged: isPrivileged(), meter: newMeter(t, progress), unmade: make(map[string]error),
	}
	for _, step := range []func(context.Context) error{s.prepareRoot, s.makeDirs, s.makeInodes, s.makeLinks, s.finishDirs} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("stage in %s: %w", dir, err)
		}
	}
	slices.SortStableFunc(s.losses, func(a, b sdk.Loss) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Field, b.Field))
	})
	return s.losses, nil
}

// stager is one run of Dir.
type stager struct {
	tree       *tree.Tree
	packs      tree.Packs
	root       int // descriptor
	plain      bool
	privileged bool
	meter      *meter

	noShare atomic.Bool // packs and files here cannot share blocks

	mu     sync.Mutex
	losses []sdk.Loss
	unmade map[string]error // why an inode was lost altogether
}

// worker is what one goroutine of a stager needs for itself.
type worker struct {
	*stager
	at   cursor
	body sparse.Reader
}

func (s *stager) worker() *worker {
	return &worker{
		stager: s,
		at:     cursor{root: s.root},
		body:   sparse.Reader{Tree: s.tree, Packs: s.packs, Buf: make([]byte, bufSize)},
	}
}

// makeDirs makes all directories, closed to others and open to their owner.
func (s *stager) makeDirs(ctx context.Context) error {
	at := cursor{root: s.root}
	defer at.close()
	for i := range s.tree.Entries {
		e := &s.tree.Entries[i]
		if e.Type != tree.Directory || e.Path == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.makeDir(&at, e.Path); err != nil {
			return fmt.Errorf("make directory %q: %w", e.Path, err)
		}
	}
	return nil
}

func (s *stager) makeDir(at *cursor, path string) error {
	parent, err := at.dir(tree.Dir(path))
	if err != nil {
		return err
	}
	name := tree.Base(path)
	if err := unix.Mkdirat(parent, name, 0o700); err != nil {
		return err
	}
	if s.privileged {
		return nil
	}
	return unix.Fchmodat(parent, name, 0o700, 0) // the umask may shut out the owner
}

// makeInodes makes everything but directories and further names.
func (s *stager) makeInodes(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		g.Go(func() error {
			w := s.worker()
			defer w.at.close()
			for {
				start := int(next.Add(batch)) - batch
				if start >= len(s.tree.Entries) {
					return nil
				}
				if err := w.makeBatch(ctx, s.tree.Entries[start:min(start+batch, len(s.tree.Entries))]); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func (w *worker) makeBatch(ctx context.Context, entries []tree.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Type == tree.Directory || e.Type == tree.Hardlink {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.makeInode(ctx, e); err != nil {
			return fmt.Errorf("make %s %q: %w", e.Type, e.Path, err)
		}
	}
	return nil
}

// makeLinks makes the further names of inodes.
func (s *stager) makeLinks(ctx context.Context) error {
	from, to := cursor{root: s.root}, cursor{root: s.root}
	defer from.close()
	defer to.close()
	for i := range s.tree.Entries {
		e := &s.tree.Entries[i]
		if e.Type != tree.Hardlink {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if why, ok := s.unmade[e.Target]; ok {
			s.loseInode(e.Path, s.tree.Lookup(e.Target), why)
			continue
		}
		if err := makeLink(&from, &to, e); err != nil {
			return fmt.Errorf("link %q to %q: %w", e.Path, e.Target, err)
		}
	}
	return nil
}

func makeLink(from, to *cursor, e *tree.Entry) error {
	oldDir, err := from.dir(tree.Dir(e.Target))
	if err != nil {
		return err
	}
	newDir, err := to.dir(tree.Dir(e.Path))
	if err != nil {
		return err
	}
	return unix.Linkat(oldDir, tree.Base(e.Target), newDir, tree.Base(e.Path), 0)
}

// finishDirs gives directories their attributes, each after all that lies
// below it: what comes later in path order.
func (s *stager) finishDirs(ctx context.Context) error {
	at := cursor{root: s.root}
	defer at.close()
	for i := range slices.Backward(s.tree.Entries) {
		e := &s.tree.Entries[i]
		if e.Type != tree.Directory {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		fd, err := at.dir(e.Path)
		if err == nil {
			err = s.attributes(e, node{dir: fd, name: ".", fd: fd})
		}
		if err != nil {
			return fmt.Errorf("finish directory %q: %w", e.Path, err)
		}
	}
	return nil
}
