package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
)

// OpenBlob opens a blob for reading; the caller closes it. Its content is not
// hashed: a caller that knows the size compares it, one that must be sure of
// the bytes hashes them as it reads, and either hands what is wrong to
// [Store.QuarantineBlob]. A blob that is not there is an [ErrNotFound].
func (s *Store) OpenBlob(d digest.Digest) (*os.File, error) {
	path, err := s.object(kindBlob, d)
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	if err := s.use(Object{KindBlob, d}); err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	f, _, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", s.readError(kindBlob, d, err))
	}
	return f, nil
}

// ReadBlob returns a blob of at most limit bytes, verified against d. One
// that does not match goes to quarantine and is an [ErrCorrupt], which is an
// [ErrNotFound] too; one that is larger is an [ErrTooLarge] and stays.
func (s *Store) ReadBlob(d digest.Digest, limit int64) ([]byte, error) {
	path, err := s.object(kindBlob, d)
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	if err := s.use(Object{KindBlob, d}); err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	b, err := readSmall(path, limit)
	if err == nil {
		err = matches(b, d)
	}
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", s.readError(kindBlob, d, err))
	}
	return b, nil
}

// PutBlob stores b, which may be there already, and returns its digest.
func (s *Store) PutBlob(ctx context.Context, b []byte) (digest.Digest, error) {
	w, err := s.NewBlob()
	if err != nil {
		return "", err
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return "", err
	}
	if err := w.Commit(ctx, "", -1); err != nil {
		return "", err
	}
	return w.Digest(), nil
}

// matches returns an error unless d is the digest of b.
func matches(b []byte, d digest.Digest) error {
	if got := digest.FromBytes(b); got != d {
		return fmt.Errorf("%w: the content has digest %s", errBadContent, got)
	}
	return nil
}

// errBadContent marks content that cannot be what its name says.
var errBadContent = errors.New("bad content")

// readError turns an error of reading an object into what the caller is told,
// and moves the object to quarantine when the error lies in it.
func (s *Store) readError(k kind, d digest.Digest, err error) error {
	switch {
	case absent(err):
		return fmt.Errorf("%s %s: %w", k, d, ErrNotFound)
	case errors.Is(err, errBadContent), errors.Is(err, ErrNotRegular), errors.Is(err, io.ErrUnexpectedEOF):
		_ = s.quarantine(k, d, err)
		return &corruptError{fmt.Sprintf("%s %s", k, d), err}
	default:
		return fmt.Errorf("%s %s: %w", k, d, err)
	}
}
