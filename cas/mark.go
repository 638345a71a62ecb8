package cas

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// A file of the store carries a mark: the fraction of a second of its
// modification time, which is derived from what the file is. Whoever writes
// to the file gives it another time, and so takes the mark away. A copy that
// keeps times keeps the mark.
//
// A mark only spares the store from hashing again what has not been touched:
// a file without one is hashed before it is used, and is damaged only if its
// digest says so. What happens below the filesystem leaves the mark as it is.

// markUnit is the finest time that is kept by the filesystems with fractions
// of a second (NTFS and CIFS count in 100 ns; ext4, XFS, btrfs and tmpfs in 1).
const markUnit = 100 * time.Nanosecond

// marks is how many different ones there are. Zero is none of them: it is
// what filesystems and archives without fractions make of all times.
const marks = int(time.Second/markUnit) - 1

// markOf returns the fraction of a second that a file must have.
func markOf(k kind, d digest.Digest, name string, info fs.FileInfo) time.Duration {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d %d", k, d, name, info.Size(), info.ModTime().Unix()))
	return time.Duration(1+binary.BigEndian.Uint64(sum[:])%uint64(marks)) * markUnit
}

// contents returns the names of the files of an object, below its place, that
// are not hashed each time they are read.
func (k kind) contents() []string {
	switch k {
	case kindBlob:
		return []string{""}
	case kindLayer:
		return []string{indexName, packName}
	case kindArtifact:
		return []string{imageName}
	default:
		return nil
	}
}

// mark marks the files of the object at path as they are. It is best effort:
// what is lost costs a hash.
func mark(k kind, d digest.Digest, path string) {
	for _, name := range k.contents() {
		file := filepath.Join(path, name)
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		at := time.Unix(info.ModTime().Unix(), int64(markOf(k, d, name, info)))
		ts := unix.NsecToTimespec(at.UnixNano())
		times := []unix.Timespec{omitTime, ts}
		_ = unix.UtimesNanoAt(unix.AT_FDCWD, file, times, unix.AT_SYMLINK_NOFOLLOW)
	}
}

// marked says whether nobody has written to the object at path since it was
// marked.
func marked(k kind, d digest.Digest, path string) bool {
	for _, name := range k.contents() {
		info, err := os.Lstat(filepath.Join(path, name))
		if err != nil || time.Duration(info.ModTime().Nanosecond()) != markOf(k, d, name, info) {
			return false
		}
	}
	return true
}

// state is what tells two looks at an object apart: which files it has, and
// when they were written.
func state(k kind, path string) string {
	var out []byte
	for _, name := range append(k.contents(), "") {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(path, name), &st); err != nil {
			out = fmt.Appendf(out, "%v;", err)
			continue
		}
		out = fmt.Appendf(out, "%d:%d:%d:%d.%09d;", st.Dev, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
	}
	return string(out)
}

// remark marks an object that was found sound, if it still is what it was
// before.
func remark(k kind, d digest.Digest, path, before string) {
	if !marked(k, d, path) && state(k, path) == before {
		mark(k, d, path)
	}
}

// MarkLayer says that the caller has found all of an unpacked layer sound: as
// long as nobody writes to it, it is [Layer.Untouched].
func (s *Store) MarkLayer(l Layer) {
	if path, err := s.object(kindLayer, l.DiffID); err == nil {
		remark(kindLayer, l.DiffID, path, l.state)
	}
}
