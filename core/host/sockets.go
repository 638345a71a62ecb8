package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// maxSocketBase bounds the path of the directory below which go-plugin makes
// its own and in that the socket. A socket's path has 107 bytes on Linux and
// 103 on macOS (unix(7), unix(4)), of which "/banger-", "/plugin-dir",
// "/plugin" and three random numbers of ten digits take 56.
const maxSocketBase = len(unix.RawSockaddrUnix{}.Path) - 1 - 56

// socketDir makes a private directory for a builder's socket: in temp, or
// where that path is too long or takes no files, in a usual place.
func socketDir(temp string) (string, error) {
	var failed []string
	for _, base := range []string{temp, filepath.Join("/run/user", strconv.Itoa(os.Getuid())), "/tmp", "/dev/shm", "/var/tmp"} {
		if base == "" || !filepath.IsAbs(base) || len(base) > maxSocketBase {
			continue
		}
		dir, err := os.MkdirTemp(base, "banger-")
		if err == nil {
			return dir, nil
		}
		failed = append(failed, err.Error())
	}
	err := fmt.Errorf("make a directory for its socket: %s", strings.Join(failed, "; "))
	return "", hint.With(err, "set TMPDIR to a directory that you may write to, with a short path")
}
