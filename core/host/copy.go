package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"banger/core/host/keeper"
	"banger/internal/hint"
)

// copyAll copies src from its start, wherever it stands.
func copyAll(ctx context.Context, w io.Writer, src *os.File) error {
	r := io.NewSectionReader(src, 0, math.MaxInt64)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, err := io.CopyN(w, r, 4<<20); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// holdWriters has whoever opens f for writing wait until done is called, and
// refuses a file that someone is writing to: by a lease (fcntl(2)). Where the
// filesystem has none, or f is another's, whom it is not our part to stop,
// there is nothing to hold.
func holdWriters(ctx context.Context, f *os.File) (done func(), err error) {
	for range keeper.BusyTries {
		if err = setLease(f, unix.F_RDLCK); !errors.Is(err, unix.EAGAIN) || isNFS(f) {
			return func() { _ = setLease(f, unix.F_UNLCK) }, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(keeper.BusyWait):
		}
	}
	return nil, hint.With(fmt.Errorf("%s is still being written", f.Name()), "try again in a moment")
}
