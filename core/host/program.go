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

// program is a builder's file, for one use of it.
type program struct {
	file *os.File // as it was found
	id   fileID
	// run is what is executed: of a third party's builder a copy that nobody
	// can change, once load has made it; of a bundled one the file, which is
	// the one that this process runs and that the kernel lets nobody write to.
	run *os.File
}

// openProgram opens b's file, and refuses one that cannot be executed or that
// others could have put there.
func (h *Host) openProgram(b *Builder) (*program, error) {
	if err := checkExecutable(b.Path); err != nil {
		return nil, err
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return nil, err
	}
	p := &program{file: f}
	if b.Bundled {
		p.run = f
	} else {
		err = checkTrust(f, b.Path)
	}
	if err == nil {
		p.id, err = identifyFile(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// load copies the file of a third party's builder to where nobody can change
// it, below dir if need be, and returns the digest of the copy: from here on
// it is these bytes that are executed, whatever becomes of the file.
func (p *program) load(ctx context.Context, dir string) (digest.Digest, error) {
	done, err := holdWriters(ctx, p.file)
	if err != nil {
		return "", err
	}
	defer done()
	run, d, err := privateCopy(ctx, p.file, dir)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", p.file.Name(), err)
	}
	p.run = run
	return d, nil
}

// clockTick is more than the steps in which Linux keeps a file's times, 10 ms
// at most.
const clockTick = 20 * time.Millisecond

// settle waits until a further change of the file would show in its ctime, so
// that what is known of its bytes can be kept under its id.
func (p *program) settle(ctx context.Context) error {
	wait := min(time.Until(time.Unix(0, p.id.Ctime).Add(clockTick)), clockTick)
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
}

var errChanged = errors.New("its file has changed in the meantime")

func changed() error { return hint.With(errChanged, "run the command again") }

// unchanged tells whether the file is still what it was at its opening.
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

func (p *program) close() { // both were open for reading only
	_ = p.file.Close()
	if p.run != nil && p.run != p.file {
		_ = p.run.Close()
	}
}

// identifyFile is identify for an open file.
func identifyFile(f *os.File) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileID{}, fmt.Errorf("look at %s: %w", f.Name(), err)
	}
	return idOf(&st), nil
}
