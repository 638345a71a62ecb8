package cas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Tag names a manifest in the store's index.json, so that other programs find
// it as oci:STORE:NAME. A name leads to one manifest: tagging another takes
// the name from the first. Tagging again what is tagged already changes
// nothing, and so succeeds in a read-only store. An index.json that other
// programs have written is kept, with all that it says; one that is damaged
// goes to quarantine and is begun anew.
func (s *Store) Tag(ctx context.Context, desc Descriptor, name string) error {
	if err := s.tag(ctx, desc, name); err != nil {
		return fmt.Errorf("tag %.100s as %q: %w", string(desc.Digest), name, Classify(err))
	}
	return nil
}

// Tagged returns the manifest that a name leads to. A name that is not there
// is an [ErrNotFound], and so is every name in a damaged index.json.
func (s *Store) Tagged(name string) (Descriptor, error) {
	x, err := s.readIndex()
	if err != nil {
		return Descriptor{}, fmt.Errorf("find tag %q: %w", name, err)
	}
	desc, ok := x.find(name)
	if !ok || name == "" {
		return Descriptor{}, fmt.Errorf("find tag %q: %w", name, ErrNotFound)
	}
	return desc, nil
}

// Names returns the names that Tagged knows, each once, in the order of
// index.json; none when that cannot be read.
func (s *Store) Names() []string {
	x, err := s.readIndex()
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range x.manifests {
		if n := e.annotations[annotationRefName]; n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func (s *Store) tag(ctx context.Context, desc Descriptor, name string) error {
	if _, err := encoded(desc.Digest); err != nil {
		return err
	}
	if name == "" || desc.MediaType == "" || desc.Size < 0 {
		return errors.New("incomplete descriptor or empty name")
	}
	if err := s.use(Object{KindBlob, desc.Digest}); err != nil {
		return err
	}
	s.touch(kindBlob, desc.Digest)
	if old, err := s.Tagged(name); err == nil && old.equal(desc) {
		return nil
	}
	unlock, err := s.lockName(ctx, "index")
	if err != nil {
		return err
	}
	defer unlock()
	x, err := s.indexOrNew()
	if err != nil {
		return err
	}
	if err := x.tag(desc, name); err != nil {
		return err
	}
	b, err := x.encode()
	if err != nil {
		return err
	}
	return s.replaceFile(s.path("index.json"), b, editable)
}

func (d Descriptor) equal(other Descriptor) bool {
	return d.MediaType == other.MediaType && d.Digest == other.Digest && d.Size == other.Size
}

// indexOrNew reads index.json under its lock. An absent or damaged one is an
// empty one; the damaged one goes to quarantine.
func (s *Store) indexOrNew() (*ociIndex, error) {
	x, err := s.readIndex()
	if errors.Is(err, ErrCorrupt) {
		if err := s.setAside(s.path("index.json"), "index.json", err); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, ErrNotFound) {
		return parseOCIIndex([]byte(emptyIndex))
	}
	return x, err
}

// readIndex reads index.json. A damaged one stays, and so does whatever else has
// its name: only under the lock is it sure that nobody has just put a better one
// in its place.
func (s *Store) readIndex() (*ociIndex, error) {
	b, err := readSmall(s.path("index.json"), maxOCIIndex)
	if absent(err) {
		return nil, fmt.Errorf("index.json: %w", ErrNotFound)
	}
	if damage(err) {
		return nil, &corruptError{"index.json", err}
	}
	if err != nil {
		return nil, err
	}
	x, err := parseOCIIndex(b)
	if err != nil {
		return nil, &corruptError{"index.json", err}
	}
	return x, nil
}

// makeOCILayout writes the files that make the store an OCI image layout,
// where they are not there (image-spec, image-layout.md).
func (s *Store) makeOCILayout() error {
	return errors.Join(s.makeFile("oci-layout", ociLayout), s.makeFile("index.json", emptyIndex))
}

// makeFile makes a file of the store's directory unless it is there.
func (s *Store) makeFile(name, content string) error {
	path := s.path(name)
	if _, err := os.Lstat(path); !absent(err) {
		return err
	}
	temp, err := s.tempName("file")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }()
	if err := s.writeSmall(temp, []byte(content), editable); err != nil {
		return err
	}
	// Another process may have been first, and even have tagged something.
	if err := s.disk.rename(temp, path, false); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.disk.syncDir(s.dir)
}
