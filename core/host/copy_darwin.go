package host

import (
	"context"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// privateCopy copies nothing: there is no executing an open file here, so the
// builder is started by its name, after another look at what that leads to
// (execute). It returns src once more, with its digest.
func privateCopy(ctx context.Context, src *os.File, _ string) (*os.File, digest.Digest, error) {
	sum := digest.SHA256.Digester()
	if err := copyAll(ctx, sum.Hash(), src); err != nil {
		return nil, "", err
	}
	fd, err := unix.FcntlInt(src.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, "", fmt.Errorf("keep it open: %w", err)
	}
	return os.NewFile(uintptr(fd), src.Name()), sum.Digest(), nil
}
