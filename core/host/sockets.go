package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxSocketBase bounds the path of the directory below which go-plugin makes
// its own and in that the socket. A socket's path has 107 bytes on Linux and
// 103 on macOS (unix(7), unix(4)), of which "/banger-", "/plugin-dir",
// "/plugin" and three random numbers of ten digits take 56.
const maxSocketBase = len(unix.RawSockaddrUnix{}.Path) - 1 - 56

// socketDir makes a private directory for a builder's socket: in temp, or
// where that path is too long or takes no files, in a usual place.
func socketDir(temp string) (string, error) {
	var errs []error
	for _, base := range []string{temp, filepath.Join("/run/user", strconv.Itoa(os.Getuid())), "/tmp", "/dev/shm", "/var/tmp"} {
		if base == "" || !filepath.IsAbs(base) || len(base) > maxSocketBase {
			continue
		}
		dir, err := os.MkdirTemp(base, "banger-")
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("make socket directory: %w", errors.Join(errs...))
}
