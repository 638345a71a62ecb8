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

	"banger/internal/hint"
)

// writtenAgain and writtenEvery bound how long a file that is still open for
// writing is waited for. One that was written a moment ago can be busy for as
// long as a fork of another thread has not come to its exec.
const (
	writtenAgain = 20
	writtenEvery = 10 * time.Millisecond
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
	for range writtenAgain {
		if err = setLease(f, unix.F_RDLCK); !errors.Is(err, unix.EAGAIN) || isNFS(f) {
			return func() { _ = setLease(f, unix.F_UNLCK) }, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(writtenEvery):
		}
	}
	return nil, hint.With(fmt.Errorf("%s is still being written", f.Name()), "try again in a moment")
}
