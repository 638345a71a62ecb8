package cas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// Action is the answer to a question that was asked before. What it names is
// in the store.
type Action struct {
	// Key is the digest of Preimage; see [ActionKey].
	Key      digest.Digest
	Preimage json.RawMessage
	// Artifact is the answer, "" for an action that has none.
	Artifact digest.Digest
	// Blobs are the blobs that the action needs, in any order.
	Blobs []digest.Digest
	// Result is JSON that means something to the caller alone. It may be nil.
	Result json.RawMessage
	// Created is kept in UTC; the zero time becomes that of PutAction.
	Created time.Time
}

// Action finds an action by its key and notes its use, as the modification
// time of its file, where it can. It is a hit only when everything about it
// is right. All else is an [ErrNotFound]: an action of another version and
// one that names an absent artifact or blob stay where they are until
// PutAction replaces them; a damaged one goes to quarantine and is an
// [ErrCorrupt] too. Only a failing disk or a missing permission is neither.
func (s *Store) Action(key digest.Digest) (Action, error) {
	path, err := s.object(kindAction, key)
	if err != nil {
		return Action{}, fmt.Errorf("find action: %w", err)
	}
	if err := s.use(Object{KindAction, key}); err != nil {
		return Action{}, fmt.Errorf("find action: %w", err)
	}
	a, err := readAction(path, key)
	if errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("%w: %w", errBadContent, err)
	}
	if errors.Is(err, errOtherVersion) {
		return Action{}, fmt.Errorf("find action %s: %w: %w", key, ErrNotFound, err)
	}
	if err != nil {
		return Action{}, fmt.Errorf("find action: %w", s.readError(kindAction, key, err))
	}
	if err := s.use(a.names()...); err != nil {
		return Action{}, fmt.Errorf("find action %s: %w", key, err)
	}
	if err := s.holds(a); err != nil {
		return Action{}, fmt.Errorf("find action %s: it names %w", key, err)
	}
	s.touch(kindAction, key)
	return a, nil
}

// PutAction stores a, replacing an older action of the same key. The artifact
// and blobs it names must be in the store: what is not is an [ErrNotFound],
// and nothing is stored.
func (s *Store) PutAction(ctx context.Context, a Action) error {
	if err := s.putAction(ctx, a); err != nil {
		return fmt.Errorf("put action %.100s: %w", string(a.Key), Classify(err))
	}
	return nil
}

func (s *Store) putAction(ctx context.Context, a Action) error {
	path, err := s.object(kindAction, a.Key)
	if err != nil {
		return err
	}
	if a.Created.IsZero() {
		a.Created = time.Now()
	}
	b, err := encodeAction(a)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.use(append(a.names(), Object{KindAction, a.Key})...); err != nil {
		return err
	}
	if err := s.holds(a); err != nil {
		return err
	}
	return s.replaceFile(path, b, readOnly)
}

// names returns the objects that a names.
func (a Action) names() []Object {
	var all []Object
	if a.Artifact != "" {
		all = append(all, Object{KindArtifact, a.Artifact})
	}
	for _, d := range a.Blobs {
		all = append(all, Object{KindBlob, d})
	}
	return all
}

// holds returns an error unless everything that a names is there.
func (s *Store) holds(a Action) error {
	if a.Artifact != "" {
		if _, err := s.Artifact(a.Artifact); err != nil {
			return err
		}
	}
	for _, d := range a.Blobs {
		path, err := s.object(kindBlob, d)
		if err != nil {
			return err
		}
		if _, err := statRegular(path); err != nil {
			return s.readError(kindBlob, d, err)
		}
	}
	return nil
}
