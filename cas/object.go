package cas

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// kind is a kind of object, and the first part of its quarantined name.
type kind string

const (
	kindBlob     kind = "blob"
	kindLayer    kind = "layer"
	kindArtifact kind = "artifact"
	kindAction   kind = "action"
)

// dir returns the directory of a kind's objects, relative to the store's.
func (k kind) dir() string { return string(k) + "s/" + string(digest.SHA256) }

// encoded returns the hexadecimal part of d, which is safe as a file name.
// Only "sha256:" and 64 lower-case hexadecimal digits are a digest here.
func encoded(d digest.Digest) (string, error) {
	hex, ok := strings.CutPrefix(string(d), "sha256:")
	if !ok || !isHex(hex) {
		return "", fmt.Errorf("invalid digest %.100q: want sha256: and 64 lower-case hex digits", string(d))
	}
	return hex, nil
}

func isHex(s string) bool {
	return len(s) == digest.SHA256.Size()*2 && strings.Trim(s, "0123456789abcdef") == ""
}

// object returns the place of an object, whether or not it is there.
func (s *Store) object(k kind, d digest.Digest) (string, error) {
	hex, err := encoded(d)
	if err != nil {
		return "", err
	}
	return s.path(k.dir(), hex), nil
}

// openRegular opens a regular file for reading. It follows no symlink at the
// last component and does not hang on a fifo.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, nil, fmt.Errorf("open %s: %w", path, ErrNotRegular)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", path, ErrNotRegular)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// readSmall reads a whole regular file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	return retryStale(func() ([]byte, error) { return readSmallOnce(path, limit) })
}

// retryStale calls read, and once more after an ESTALE: on NFS, another host
// has replaced the file while it was open, and the name leads to the new one.
// The kernel itself looks only names up again.
func retryStale(read func() ([]byte, error)) ([]byte, error) {
	b, err := read()
	if errors.Is(err, unix.ESTALE) {
		return read()
	}
	return b, err
}

func readSmallOnce(path string, limit int64) ([]byte, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > limit {
		return nil, fmt.Errorf("read %s: %w: %d bytes, where %d are allowed", path, ErrTooLarge, info.Size(), limit)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// statRegular returns the size of a regular file.
func statRegular(path string) (int64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("stat %s: %w", path, ErrNotRegular)
	}
	return info.Size(), nil
}

// touch makes an object's modification time the time of its last use, where
// the caller may.
func (s *Store) touch(k kind, d digest.Digest) {
	if errors.Is(s.denied, ErrReadOnly) {
		return
	}
	if path, err := s.object(k, d); err == nil {
		now := time.Now()
		_ = os.Chtimes(path, now, now)
	}
}

// absent says whether err means that nothing is at a path.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist)
}
