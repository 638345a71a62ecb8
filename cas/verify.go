package cas

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// VerifyOptions say how [Store.Verify] works.
type VerifyOptions struct {
	// CheckLayer judges an unpacked layer, of which the store knows only that
	// both files are there. An error that wraps [ErrCorrupt] is about the
	// layer; w runs the pieces of the work. nil checks no contents of layers.
	CheckLayer func(ctx context.Context, l Layer, w *Work) error
	// Progress, if not nil, is told how many of how many bytes are done. It
	// is called from several goroutines.
	Progress func(done, total int64)
}

// Verified is what [Store.Verify] looked at and found.
type Verified struct {
	Objects  int64
	Bytes    int64 // as much as was read, holes not counted
	Problems []Problem
}

// Verdict says what kind of problem one is.
type Verdict string

const (
	// Damaged is an object that is not what its name says.
	Damaged Verdict = "damaged"
	// Dangling is an action, or an entry of index.json, that names what is
	// not there. Whoever asks for it gets a miss.
	Dangling Verdict = "dangling"
	// Unchecked is an object that the caller may not read.
	Unchecked Verdict = "unchecked"
)

// Problem is something that Verify found.
type Problem struct {
	Verdict Verdict
	Kind    string // "blob", "layer", "artifact", "action", "index.json" or "oci-layout"
	// Digest names the object; of index.json, the manifest that it names, or
	// "" for the file itself.
	Digest digest.Digest
	Err    error // why
	// Mended says that a damaged object is in quarantine, or that what was
	// dangling has been dropped. Kept is why it is not.
	Mended bool
	Kept   error
}

// Verify reads all of the store on all cores and holds it against the names
// of its objects. What is damaged goes to quarantine and so counts as absent.
// What dangles stays; see [Store.Mend]. The error is not about what is in the
// store but about why Verify did not finish: the end of ctx for one.
//
// Other processes may work on the store meanwhile: an object that comes, goes
// or is replaced is no problem. It holds one buffer a core and what CheckLayer
// needs in memory, and the problems.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (*Verified, error) {
	v := &verification{s: s, o: o, total: s.weigh(ctx), buffers: make(chan []byte, runtime.GOMAXPROCS(0))}
	for range cap(v.buffers) {
		v.buffers <- make([]byte, hashStep)
	}
	for _, k := range []kind{kindBlob, kindLayer, kindArtifact} {
		if err := v.each(ctx, k); err != nil {
			return nil, err
		}
	}
	// These name the others, and so are judged when those have been.
	if err := v.each(ctx, kindAction); err != nil {
		return nil, err
	}
	if err := v.layout(ctx); err != nil {
		return nil, err
	}
	return &Verified{Objects: v.objects.Load(), Bytes: v.done.Load(), Problems: v.problems}, nil
}

type verification struct {
	s       *Store
	o       VerifyOptions
	total   int64
	buffers chan []byte // one for each piece of work that may run

	objects, done atomic.Int64

	mu       sync.Mutex
	problems []Problem
}

// each checks all objects of a kind, several side by side.
func (v *verification) each(ctx context.Context, k kind) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * cap(v.buffers)) // most of the time they wait for a buffer
	err := v.s.eachObject(k, func(d digest.Digest) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.Go(func() error { return v.object(ctx, k, d) })
		return nil
	})
	return errors.Join(g.Wait(), err)
}

// object checks one object and notes what is wrong with it.
func (v *verification) object(ctx context.Context, k kind, d digest.Digest) error {
	path, err := v.s.object(k, d)
	if err != nil {
		return err
	}
	before := state(k, path)
	err = v.check(ctx, k, d, path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.objects.Add(1)
	if err == nil {
		remark(k, d, path, before)
		return nil
	}
	if state(k, path) != before {
		return nil // it went, or another one came
	}
	return v.note(Problem{Kind: string(k), Digest: d, Err: err}, func() error { return v.s.quarantine(k, d, err) })
}

// errDangling: what an object names is not there.
var errDangling = errors.New("it names what is not in the store")

// note keeps a problem, and has what is damaged set aside. An error that is
// about this process, not about the store, is returned.
func (v *verification) note(p Problem, setAside func() error) error {
	switch {
	case errors.Is(p.Err, errDangling):
		p.Verdict = Dangling
	case damage(p.Err):
		p.Verdict = Damaged
		p.Kept = setAside()
		p.Mended = p.Kept == nil
	case errors.Is(p.Err, fs.ErrPermission):
		p.Verdict = Unchecked
	case absent(p.Err):
		return nil // it has just gone
	default:
		return p.Err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems = append(v.problems, p)
	return nil
}

// damage says whether err means that an object cannot be used as it is.
func damage(err error) bool {
	for _, bad := range append([]error{errBadContent, ErrCorrupt, ErrNotRegular, ErrTooLarge}, badMedium...) {
		if errors.Is(err, bad) {
			return true
		}
	}
	return isCut(err)
}

// weigh adds up what there is to read.
func (s *Store) weigh(ctx context.Context) int64 {
	var total int64
	for _, k := range []kind{kindBlob, kindLayer, kindArtifact, kindAction} {
		names := k.contents()
		if k == kindAction {
			names = []string{""}
		}
		_ = s.eachObject(k, func(d digest.Digest) error {
			path, err := s.object(k, d)
			for _, name := range names {
				total += onDisk(path, name)
			}
			return errors.Join(err, ctx.Err())
		})
	}
	return total
}

// eachObject calls do with each object of a kind. What has another name than
// an object is none.
func (s *Store) eachObject(k kind, do func(digest.Digest) error) error {
	dir, err := os.Open(s.path(k.dir()))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if !isHex(name) {
				continue
			}
			if err := do(digest.NewDigestFromEncoded(digest.SHA256, name)); err != nil {
				return err
			}
		}
		if err != nil {
			return endOfDir(err)
		}
	}
}
