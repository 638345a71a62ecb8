package cas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
)

// layout checks the files that make the store an OCI image layout, and that
// the manifests that index.json names are there.
func (v *verification) layout(ctx context.Context) error {
	unlock, err := v.s.lockName(ctx, "index")
	if err == nil {
		defer unlock() // what is set aside is what was read
	} else if !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrNoSpace) {
		return err
	}
	if err := v.layoutFile("oci-layout", checkOCILayout); err != nil {
		return err
	}
	var x *ociIndex
	err = v.layoutFile("index.json", func(b []byte) (err error) {
		x, err = parseOCIIndex(b)
		return err
	})
	if err != nil || x == nil {
		return err
	}
	for _, e := range x.manifests {
		if err := v.s.dangling(e); err != nil {
			if err := v.note(Problem{Kind: "index.json", Digest: e.desc.Digest, Err: err}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// layoutFile checks a file of the store's directory. A damaged one is set
// aside and begun anew.
func (v *verification) layoutFile(name string, parse func(b []byte) error) error {
	v.objects.Add(1)
	b, err := readSmall(v.s.path(name), maxOCIIndex)
	if err == nil {
		v.done.Add(int64(len(b)))
		if err = parse(b); err == nil {
			return nil
		}
		err = fmt.Errorf("%w: %w", errBadContent, err)
	}
	return v.note(Problem{Kind: name, Err: err}, func() error {
		return errors.Join(v.s.setAside(v.s.path(name), name, err), v.s.makeOCILayout())
	})
}

func checkOCILayout(b []byte) error {
	var l struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	if l.Version != "1.0.0" {
		return fmt.Errorf("image layout version %.40q, want 1.0.0", l.Version)
	}
	return nil
}

// dangling returns an errDangling if the manifest of an entry is not there.
// What has another digest than the store's objects is another program's.
func (s *Store) dangling(e ociEntry) error {
	if _, err := encoded(e.desc.Digest); err != nil {
		return nil
	}
	return s.exists(kindBlob, e.desc.Digest)
}

// Mend drops what Verify found dangling and still is, and removes what
// processes that died left in tmp. It notes in each problem what became of
// it. An action that someone is at work on stays: it is about to be replaced.
// A damaged object needs no more than its place in quarantine: the next
// commit puts a good one there.
func (s *Store) Mend(ctx context.Context, problems []Problem) error {
	if s.denied != nil {
		for i := range problems {
			if problems[i].Verdict == Dangling {
				problems[i].Kept = s.denied
			}
		}
		return nil
	}
	entries := false
	for i := range problems {
		p := &problems[i]
		switch {
		case p.Verdict != Dangling:
		case p.Kind == string(kindAction):
			p.Kept = s.dropAction(ctx, p.Digest)
			p.Mended = p.Kept == nil
		default:
			entries = true
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if entries {
		err := s.dropEntries(ctx)
		for i := range problems {
			if p := &problems[i]; p.Verdict == Dangling && p.Kind == "index.json" {
				p.Mended, p.Kept = err == nil, err
			}
		}
	}
	return s.reclaim(ctx)
}

// dropAction removes an action that names what is not there.
func (s *Store) dropAction(ctx context.Context, key digest.Digest) error {
	path, err := s.object(kindAction, key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unlock, err := s.Lock(ctx, string(kindAction), key, cancel) // never waits
	if err != nil {
		return err
	}
	defer unlock()
	a, err := readAction(path, key)
	if err != nil || s.named(a) == nil {
		return nil //nolint:nilerr // it is another one by now, or gone
	}
	if err := os.Remove(path); err != nil && !absent(err) {
		return Classify(err)
	}
	return nil
}

// dropEntries removes the entries of index.json whose manifests are not there.
func (s *Store) dropEntries(ctx context.Context) error {
	unlock, err := s.lockName(ctx, "index")
	if err != nil {
		return err
	}
	defer unlock()
	x, err := s.indexOrNew()
	if err != nil {
		return err
	}
	x.manifests = slices.DeleteFunc(x.manifests, func(e ociEntry) bool { return s.dangling(e) != nil })
	b, err := x.encode()
	if err != nil {
		return err
	}
	return s.replaceFile(s.path("index.json"), b, editable)
}
