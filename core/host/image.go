package host

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// magic is what a format has at a fixed place.
type magic struct {
	bytes  string
	offset int64
}

// magics by media type. The places are those of the kernel's
// include/uapi/linux/magic.h and of the superblocks' structs: ext4's s_magic
// at 1024+56, erofs's at 1024, squashfs's at 0, all little-endian.
func magics(mediaType string) (magic, bool) {
	switch mediaType {
	case "application/vnd.banger.image.ext4":
		return magic{"\x53\xef", 1080}, true
	case "application/vnd.banger.image.erofs":
		return magic{"\xe2\xe1\xf5\xe0", 1024}, true
	case "application/vnd.banger.image.squashfs":
		return magic{"hsqs", 0}, true
	}
	return magic{}, false
}

// checkImage holds the file that a builder left against its word.
func checkImage(path string, size int64, mediaType string) error {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("it left no image at %s", path)
	case err != nil:
		return fmt.Errorf("look at the image: %w", err)
	case !fi.Mode().IsRegular():
		return fmt.Errorf("what it left at %s is no regular file but %s", path, fi.Mode())
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open the image: %w", err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("look at the image: %w", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("what it left at %s is no regular file", path)
	case st.Nlink != 1:
		return fmt.Errorf("the file it left at %s has %d names", path, st.Nlink)
	case st.Size != size:
		return fmt.Errorf("the image has %d bytes, and it promised %d", st.Size, size)
	case st.Size == 0:
		return errors.New("the image is empty")
	}
	if err := checkClosed(f); err != nil {
		return err
	}
	return checkMagic(f, mediaType)
}

// checkClosed refuses a file that any process still has open for writing: the
// kernel does not grant a lease on it then (fcntl(2), F_SETLEASE). Where the
// filesystem has no leases there is nothing to be told. The lease is given back
// at once and not left to end with f: a process that is being started holds a
// copy of f until it executes, and whoever opened the image for writing then
// would be told to try again.
func checkClosed(f *os.File) error {
	if err := setLease(f, unix.F_RDLCK); errors.Is(err, unix.EAGAIN) {
		return errors.New("the image is still open for writing in another process")
	}
	_ = setLease(f, unix.F_UNLCK)
	return nil
}

func checkMagic(f *os.File, mediaType string) error {
	m, ok := magics(mediaType)
	if !ok {
		return nil
	}
	got := make([]byte, len(m.bytes))
	if _, err := f.ReadAt(got, m.offset); err != nil || string(got) != m.bytes {
		return fmt.Errorf("the image is no %s: at byte %d it has % x", mediaType, m.offset, got)
	}
	return nil
}
