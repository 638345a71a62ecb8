package cas

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
)

// The methods here only look: nothing counts as used, and what is bad stays
// where it is.

// Use says when an action was used.
type Use struct {
	Last time.Time // the time of its file
}

// PeekAction is [Store.Action] without a trace: no use is noted and nothing is
// set aside. Its errors are the same.
func (s *Store) PeekAction(key digest.Digest) (Action, Use, error) {
	path, err := s.object(kindAction, key)
	if err != nil {
		return Action{}, Use{}, fmt.Errorf("look at action: %w", err)
	}
	a, err := readAction(path, key)
	if err == nil {
		err = s.peekNamed(a)
	}
	if err != nil {
		return Action{}, Use{}, fmt.Errorf("look at action %s: %w", key, peekError(err))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return Action{}, Use{}, fmt.Errorf("look at action %s: %w", key, peekError(err))
	}
	return a, Use{info.ModTime()}, nil
}

// peekNamed returns an error unless everything that a names is there, and its
// artifact whole as far as sizes tell.
func (s *Store) peekNamed(a Action) error {
	if err := s.named(a); err != nil || a.Artifact == "" {
		return err
	}
	if _, err := s.PeekArtifact(a.Artifact); err != nil {
		return fmt.Errorf("%w: %w", errDangling, err)
	}
	return nil
}

// PeekArtifact is [Store.Artifact] without a trace.
func (s *Store) PeekArtifact(d digest.Digest) (Artifact, error) {
	dir, err := s.object(kindArtifact, d)
	if err == nil {
		var a Artifact
		var m *manifest
		if a, m, err = artifactAndManifest(dir, d); err == nil {
			if err = s.peekLayers(m); err == nil {
				return a, nil
			}
		}
	}
	return Artifact{}, fmt.Errorf("artifact %s: %w", d, peekError(err))
}

// PeekBlob is [Store.ReadBlob] without a trace.
func (s *Store) PeekBlob(d digest.Digest, limit int64) ([]byte, error) {
	path, err := s.object(kindBlob, d)
	if err != nil {
		return nil, err
	}
	b, err := readSmall(path, limit)
	if err == nil {
		err = matches(b, d)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", d, peekError(err))
	}
	return b, nil
}

// ErrUnusable says that an object is there and does not answer: it is damaged,
// of another version, or names what is not there.
var ErrUnusable = errors.New("unusable")

// unusableError says why, and counts as absence as everywhere.
type unusableError struct{ why error }

func (e *unusableError) Error() string   { return e.why.Error() }
func (e *unusableError) Unwrap() []error { return []error{ErrUnusable, ErrNotFound, e.why} }

// peekError says of an error what readError does.
func peekError(err error) error {
	switch {
	case absent(err):
		return ErrNotFound
	case damage(err), errors.Is(err, errDangling), errors.Is(err, errOtherVersion):
		return &unusableError{err}
	default:
		return err
	}
}
