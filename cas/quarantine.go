package cas

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
)

// QuarantineBlob moves a blob that was found bad out of the way, to
// quarantine/KIND-HEX-UNIQUE, and notes why beside it, in a file with the
// suffix .why. From then on the object counts as absent, and the next commit
// puts a good one in its place. An object that is not there is no error. In a
// read-only store the object stays, and the error is an [ErrReadOnly].
func (s *Store) QuarantineBlob(d digest.Digest, why error) error {
	return s.quarantine(kindBlob, d, why)
}

// QuarantineLayer does what [Store.QuarantineBlob] does for an unpacked layer.
func (s *Store) QuarantineLayer(diffID digest.Digest, why error) error {
	return s.quarantine(kindLayer, diffID, why)
}

// QuarantineArtifact does what [Store.QuarantineBlob] does for an artifact.
func (s *Store) QuarantineArtifact(d digest.Digest, why error) error {
	return s.quarantine(kindArtifact, d, why)
}

// QuarantineAction does what [Store.QuarantineBlob] does for an action.
func (s *Store) QuarantineAction(key digest.Digest, why error) error {
	return s.quarantine(kindAction, key, why)
}

func (s *Store) quarantine(k kind, d digest.Digest, why error) error {
	place, err := s.object(k, d)
	if err != nil {
		return fmt.Errorf("quarantine %s: %w", k, err)
	}
	if err := s.setAside(place, string(k)+"-"+d.Encoded(), why); err != nil {
		return fmt.Errorf("quarantine %s %s: %w", k, d, err)
	}
	return nil
}

// setAside moves what is at path to quarantine under a name that begins with
// name. The reason beside it is best effort.
func (s *Store) setAside(path, name string, why error) error {
	if s.denied != nil {
		return s.denied
	}
	aside := s.path("quarantine", name+"-"+rand.Text())
	err := s.disk.rename(path, aside, true)
	if err != nil {
		if _, statErr := os.Lstat(path); absent(statErr) {
			return nil
		}
		return Classify(err)
	}
	_ = os.WriteFile(aside+".why", fmt.Appendln(nil, why), 0o666)
	return nil
}
