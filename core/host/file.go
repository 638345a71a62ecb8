package host

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileID tells one state of a file from another without reading it.
type fileID struct {
	Dev   uint64 `json:"dev"`
	Ino   uint64 `json:"ino"`
	Size  int64  `json:"size"`
	Mtime int64  `json:"mtime"` // nanoseconds since 1970
	Ctime int64  `json:"ctime"`
}

// sameFile tells whether id and other are of one file with one state of its
// bytes, as far as nobody sets its mtime back. A new name or mode, which a
// ctime shows, too, makes no other file of it.
func (id fileID) sameFile(other fileID) bool {
	id.Ctime = other.Ctime
	return id == other
}

// identify follows symlinks.
func identify(path string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileID{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return idOf(&st), nil
}

func idOf(st *unix.Stat_t) fileID {
	return fileID{
		Dev: device(st), Ino: st.Ino, Size: st.Size,
		Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

// lookTool finds a program on a search path as a shell would; "" for none.
func lookTool(searchPath, name string) string {
	for _, dir := range filepath.SplitList(searchPath) {
		path := filepath.Join(dir, name)
		if !filepath.IsAbs(path) {
			continue
		}
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
