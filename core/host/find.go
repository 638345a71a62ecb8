package host

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"banger/internal/hint"
)

// Prefix of the file names of builders.
const Prefix = "banger-builder-"

// listAtOnce is how many builders List describes side by side.
const listAtOnce = 4

// Find returns the first builder of that name: in Dirs, then among the
// bundled ones. No other is started. A builder whose tools are missing is
// found all the same. The error wraps ErrUnknownBuilder and lists what there
// is, or ErrBuilder if what was found is no working builder.
func (h *Host) Find(ctx context.Context, name string) (*Builder, error) {
	b := h.lookup(name)
	if b == nil {
		return nil, h.unknown(name)
	}
	if err := h.describe(ctx, b); err != nil {
		return nil, err
	}
	return b, nil
}

// List finds every builder there is, sorted by name, and the errors of those
// that do not work. One that hangs does not hold up the others.
func (h *Host) List(ctx context.Context) ([]*Builder, []error) {
	names := h.names()
	builders := make([]*Builder, len(names))
	errs := make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(listAtOnce)
	for i, name := range names {
		g.Go(func() error {
			builders[i], errs[i] = h.Find(ctx, name)
			return nil
		})
	}
	_ = g.Wait() // its functions do not fail
	builders = slices.DeleteFunc(builders, func(b *Builder) bool { return b == nil })
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	return builders, errs
}

// File is a third-party builder that was found and not started.
type File struct {
	Name, Path string
	Digest     digest.Digest
}

// Digests hashes the files of third-party builders of these names, or of all,
// and starts none. The first error ends it; it is like that of Find.
func (h *Host) Digests(ctx context.Context, names ...string) ([]File, error) {
	if len(names) == 0 {
		names = h.names()
	}
	var files []File
	for _, name := range names {
		b := h.lookup(name)
		if b == nil {
			return nil, h.unknown(name)
		}
		if b.Bundled {
			continue
		}
		p, err := h.openProgram(b)
		if err != nil {
			return nil, failure(ctx, b, "find", err)
		}
		d, err := p.load(ctx, h.cfg.TempDir)
		p.close()
		if err != nil {
			return nil, failure(ctx, b, "find", err)
		}
		files = append(files, File{name, b.Path, d})
	}
	return files, nil
}

// lookup returns the first builder of that name, not yet described, or nil.
func (h *Host) lookup(name string) *Builder {
	if !isName(name) {
		return nil
	}
	var found []*Builder
	for _, dir := range h.dirs() {
		path := filepath.Join(dir, Prefix+name)
		if _, err := os.Lstat(path); err == nil {
			found = append(found, &Builder{Name: name, Path: path})
		}
	}
	if own, ok := h.cfg.Bundled[name]; ok {
		found = append(found, &Builder{Name: name, Path: own.Path, Bundled: true, args: own.Args})
	}
	if len(found) == 0 {
		return nil
	}
	b := found[0]
	for _, other := range found[1:] {
		where := other.Path
		if other.Bundled {
			where = bundledPlace
		}
		b.Shadowed = append(b.Shadowed, where)
	}
	return b
}

// bundledPlace is where bundled builders are, for people.
const bundledPlace = "bundled"

// recognize takes the bundled builder off those that b hides if b is the same,
// installed as a program of its own. b is described.
func (h *Host) recognize(ctx context.Context, b *Builder) {
	describe := h.cfg.Bundled[b.Name].Describe
	if describe == nil || !slices.Contains(h.cfg.Installed, filepath.Dir(b.Path)) {
		return
	}
	if d, err := describe(ctx); err == nil && d.Revision == b.Description.Revision {
		b.Shadowed = slices.DeleteFunc(b.Shadowed, func(place string) bool { return place == bundledPlace })
	}
}

// dirs returns the search path, absolute and without repetitions.
func (h *Host) dirs() []string {
	var dirs []string
	for _, dir := range h.cfg.Dirs {
		abs, err := filepath.Abs(dir)
		if dir == "" || err != nil || slices.Contains(dirs, abs) {
			continue
		}
		dirs = append(dirs, abs)
	}
	return dirs
}

// names returns the names of all builders, sorted.
func (h *Host) names() []string {
	names := slices.Collect(maps.Keys(h.cfg.Bundled))
	for _, dir := range h.dirs() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // most of the search path usually does not exist
		}
		for _, e := range entries {
			if name, ok := strings.CutPrefix(e.Name(), Prefix); ok && isName(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (h *Host) unknown(name string) error {
	err := fmt.Errorf("%w %s", ErrUnknownBuilder, quote(name))
	if names := h.names(); len(names) > 0 {
		err = fmt.Errorf("%w: there is %s", err, strings.Join(names, ", "))
	}
	if dirs := h.dirs(); isName(name) && len(dirs) > 0 {
		err = hint.With(err, fmt.Sprintf("put %s%s into %s", Prefix, name, dirs[0]))
	}
	return err
}
