package cas

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
)

// Origins returns the actions whose answer is the image in the file at path,
// wherever that lies, and the digest of that artifact; without any there is no
// digest either. The file is hashed only if the store has an artifact of its
// size. Actions that do not read are left out.
func (s *Store) Origins(ctx context.Context, path string) (digest.Digest, []Action, error) {
	d, found, err := s.origins(ctx, path)
	if err != nil {
		return "", nil, fmt.Errorf("find what made %s: %w", path, err)
	}
	return d, found, nil
}

func (s *Store) origins(ctx context.Context, path string) (digest.Digest, []Action, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }()
	candidates, err := s.answersOf(ctx, info.Size())
	if err != nil || len(candidates) == 0 {
		return "", nil, err
	}
	m := manifest{ChunkSize: chunkSize, Size: info.Size()}
	if m.Chunks, err = hashChunks(ctx, f, m.Size, nil); err != nil {
		return "", nil, err
	}
	var of digest.Digest
	var found []Action
	for _, c := range candidates {
		is, err := s.isArtifact(ctx, f, m, c.artifact)
		if err != nil {
			return "", nil, err
		}
		if is {
			of, found = c.artifact.Digest, append(found, c.action)
		}
	}
	return of, found, nil
}

// isArtifact says whether f, whose size and chunks m has, is the image of a.
func (s *Store) isArtifact(ctx context.Context, f *os.File, m manifest, a Artifact) (bool, error) {
	if a.Path != "" {
		m.MediaType = a.MediaType
		b, err := canonicalJSON(m)
		return err == nil && digest.FromBytes(b) == a.Digest, err
	}
	src, err := s.openSource(a)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer src.close()
	return src.equals(ctx, f)
}

// answer is an action with its artifact.
type answer struct {
	action   Action
	artifact Artifact
}

// answersOf returns the actions whose artifact has an image of that size.
func (s *Store) answersOf(ctx context.Context, size int64) ([]answer, error) {
	entries, err := os.ReadDir(s.path(kindAction.dir()))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []answer
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key := digest.NewDigestFromEncoded(digest.SHA256, e.Name())
		path, err := s.object(kindAction, key)
		if err != nil {
			continue
		}
		a, err := readAction(path, key)
		if err != nil || a.Artifact == "" {
			continue
		}
		if artifact, err := s.Artifact(a.Artifact); err == nil && artifact.Size == size {
			found = append(found, answer{a, artifact})
		}
	}
	return found, nil
}
