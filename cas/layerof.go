package cas

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
)

// errUnpackedAnew: a layer is there, and not as it was when something was made
// of it. Neither is damaged.
var errUnpackedAnew = fmt.Errorf("%w as it was when the artifact was made", ErrNotFound)

// layersAsMade returns an error unless the layers that an artifact needs are
// there, each with the index that it had and a pack of that size, and the
// first layer that is not. What the packs hold is for others to check.
func (s *Store) layersAsMade(m *manifest) (digest.Digest, error) {
	if m.Bodies == nil {
		return "", nil
	}
	for _, want := range m.Bodies.Layers {
		is, err := s.describeLayer(want.DiffID)
		if err == nil && is != want {
			err = errUnpackedAnew
		}
		if err != nil {
			return want.DiffID, err
		}
	}
	return "", nil
}

// describeLayer looks at a layer. It hashes its index, once for each state of
// the layer in which it meets it.
func (s *Store) describeLayer(d digest.Digest) (layerOf, error) {
	dir, err := s.object(kindLayer, d)
	if err != nil {
		return layerOf{}, err
	}
	l, err := layerAt(dir)
	if err != nil {
		return layerOf{}, err
	}
	now := state(kindLayer, dir)
	if known, ok := s.described.Load(now); ok {
		return known.(layerOf), nil
	}
	is := layerOf{DiffID: d, PackSize: l.PackSize}
	if is.Index, err = hashFile(l.Index); err != nil {
		return layerOf{}, incomplete(err)
	}
	s.described.Store(now, is)
	return is, nil
}

// hashFile returns the SHA-256 of a regular file in hex.
func hashFile(path string) (string, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}
