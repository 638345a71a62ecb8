package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// program is a builder's file, open. What is checked, hashed and executed is
// this file, whatever its name leads to meanwhile; and settled and unchanged
// tell whether someone has written to it in between.
type program struct {
	file *os.File
	id   fileID
}

// openProgram opens b's file for one use of it.
func (h *Host) openProgram(ctx context.Context, b *Builder) (*program, error) {
	if err := checkExecutable(b.Path); err != nil {
		return nil, err
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return nil, err
	}
	p := &program{file: f}
	if err := p.check(ctx, b); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func (p *program) check(ctx context.Context, b *Builder) (err error) {
	if !b.Bundled {
		if err := checkTrust(p.file, b.Path); err != nil {
			return err
		}
	}
	if p.id, err = identifyFile(p.file); err != nil {
		return err
	}
	return p.settle(ctx)
}

// clockTick is more than the steps in which Linux keeps a file's times, 10 ms
// at most.
const clockTick = 20 * time.Millisecond

// settle waits until a further change of the file would show in its ctime.
func (p *program) settle(ctx context.Context) error {
	wait := min(time.Until(time.Unix(0, p.id.Ctime).Add(clockTick)), clockTick)
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return p.unchanged()
	}
}

var errChanged = errors.New("its file has changed in the meantime")

func changed() error { return hint.With(errChanged, "run the command again") }

// unchanged tells whether the file's bytes are still those at its opening.
func (p *program) unchanged() error {
	now, err := identifyFile(p.file)
	if err != nil {
		return err
	}
	if now != p.id {
		return changed()
	}
	return nil
}

// digest hashes the file.
func (p *program) digest(ctx context.Context) (digest.Digest, error) {
	return digestFile(ctx, p.file)
}

func (p *program) close() { _ = p.file.Close() } // was open for reading only

// identifyFile is identify for an open file.
func identifyFile(f *os.File) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileID{}, fmt.Errorf("look at %s: %w", f.Name(), err)
	}
	return idOf(&st), nil
}
