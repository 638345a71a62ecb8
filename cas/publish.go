package cas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// What seal leaves of the mode that the creator's umask allowed.
const (
	readOnly fs.FileMode = 0o444 // objects
	editable fs.FileMode = 0o666 // files that other programs may rewrite
)

// seal ends the writing of f: mode set, synced, closed. f is closed whatever
// happens; after an error its content must be given up, because a second
// fsync may succeed without the data being on disk.
func (s *Store) seal(f *os.File, mask fs.FileMode) (err error) {
	defer func() { err = errors.Join(err, s.disk.close(f)) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := errors.Join(s.owner.take(f), f.Chmod(info.Mode()&mask)); err != nil {
		return err
	}
	return s.disk.sync(f)
}

// writeSmall makes a sealed file at path, which must not exist.
func (s *Store) writeSmall(path string, content []byte, mask fs.FileMode) error {
	f, err := s.disk.create(path)
	if err != nil {
		return err
	}
	if _, err := s.disk.write(f, content); err != nil {
		_ = f.Close()
		return err
	}
	return s.seal(f, mask)
}

// publish gives the sealed object at temp its name. An object that has the
// name already wins if valid and the store find it sound, and temp is then left for its
// owner to remove; else the old one goes to quarantine. When publish returns
// nil the name is on disk, whoever put it there. After an error temp is where
// it was.
func (s *Store) publish(ctx context.Context, k kind, d digest.Digest, temp string, valid func(path string) error) error {
	place, err := s.object(k, d)
	if err != nil {
		return err
	}
	mark(k, d, temp)
	if err := s.use(Object{string(k), d}); err != nil {
		return err
	}
	for range maxTries {
		err = s.disk.rename(temp, place, false)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		if stays, err := s.makeWay(ctx, k, d, place, valid); stays || err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return s.settle(temp, place)
}

// makeWay judges what is in the way of a new object: it stays, and is on disk,
// or it goes to quarantine. What has gone by itself is not in the way.
func (s *Store) makeWay(ctx context.Context, k kind, d digest.Digest, place string, valid func(path string) error) (stays bool, err error) {
	lookAgain(place)
	bad := valid(place)
	if bad == nil {
		bad = s.worthKeeping(ctx, k, d, place)
	}
	switch {
	case bad == nil || ctx.Err() != nil:
		return true, errors.Join(s.disk.syncDir(filepath.Dir(place)), ctx.Err())
	case absent(bad):
		return false, nil
	}
	return false, s.quarantine(k, d, bad)
}

// lookAgain makes sure that nothing is at path. An NFS client goes on
// believing it for a while after another host has put something there; once
// the directory is opened it knows better (nfs(5), close-to-open).
func lookAgain(path string) {
	if _, err := os.Lstat(path); absent(err) {
		if dir, err := os.Open(filepath.Dir(path)); err == nil {
			_ = dir.Close()
		}
	}
}

// settle syncs the directory of an object just renamed, or takes it back.
func (s *Store) settle(temp, place string) error {
	err := s.disk.syncDir(filepath.Dir(place))
	if err != nil {
		return errors.Join(err, s.disk.rename(place, temp, false))
	}
	return nil
}

// replaceFile puts content at path, atomically and durably, whatever was
// there. After an error path is as it was.
func (s *Store) replaceFile(path string, content []byte, mask fs.FileMode) error {
	temp, err := s.tempName("file")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }()
	if err := s.writeSmall(temp, content, mask); err != nil {
		return err
	}
	takeBack, err := s.trade(temp, path)
	if err != nil {
		return err
	}
	if err := s.disk.syncDir(filepath.Dir(path)); err != nil {
		return errors.Join(err, takeBack())
	}
	return nil
}

// trade moves temp to path. A file that is there takes temp's name, where the
// filesystem can exchange two; takeBack then undoes it.
func (s *Store) trade(temp, path string) (takeBack func() error, err error) {
	for range maxTries {
		err = s.disk.rename(temp, path, false)
		if err == nil {
			return func() error { return s.disk.rename(path, temp, false) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		err = s.disk.exchange(temp, path)
		if err == nil {
			return func() error { return s.disk.exchange(temp, path) }, nil
		}
		if !absent(err) { // else it has gone meanwhile
			break
		}
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return func() error { return nil }, s.disk.rename(temp, path, true)
	}
	return nil, err
}

// checkSize is a valid for objects that are one file of a known size.
func checkSize(want int64) func(path string) error {
	return func(path string) error {
		size, err := statRegular(path)
		if err == nil && size != want {
			err = fmt.Errorf("%d bytes, want %d", size, want)
		}
		return err
	}
}
