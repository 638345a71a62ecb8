package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
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

// digestFile hashes a file from its start, wherever it stands.
func digestFile(ctx context.Context, f *os.File) (digest.Digest, error) {
	d := digest.SHA256.Digester()
	r := io.NewSectionReader(f, 0, math.MaxInt64)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.CopyN(d.Hash(), r, 4<<20); errors.Is(err, io.EOF) {
			return d.Digest(), nil
		} else if err != nil {
			return "", fmt.Errorf("hash %s: %w", f.Name(), err)
		}
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
