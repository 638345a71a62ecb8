package cas

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// WriteOutput makes a user's file at dst of what write writes, in the way of
// [Store.CopyOut].
//
// The file is written beside its target and renamed, so that dst is the old
// file or the whole new one at every moment. The new file has the permissions
// of the old one, or those that the umask leaves, and an owner of its own.
// When dst is a symlink, what it leads to is replaced or
// made and the link stays. A directory is an [ErrIsDirectory]; a device, fifo
// or socket is an [ErrNotRegular]; a full disk is an [ErrNoSpace]. After an
// error, or when ctx ends, nothing of the new file is left. A process that is
// killed may leave a file .NAME.banger-* beside the target, which the next
// one that writes the same target removes.
func WriteOutput(ctx context.Context, dst string, write func(w io.Writer) error) error {
	d := realDisk()
	o := d.newOutput(dst, CopyOptions{})
	defer o.Abort()
	o.fill(func(out *outFile) error { return write(&ctxWriter{ctx, out.f}) })
	if err := o.finish(ctx); err != nil {
		return fmt.Errorf("write %s: %w", dst, elsewhere(err))
	}
	return nil
}

// Output is a user's file in the making, which has no name yet; see
// [WriteOutput] for what becomes of it. It ends with Commit or Abort, and is not
// safe for concurrent use.
type Output struct {
	store *Store // nil if it is none's
	dst   string
	opts  CopyOptions
	out   *outFile // nil if it could not be made
	begun *begun   // nil if it is empty
	err   error    // the first
}

// NewOutput begins a file at dst, which an [ArtifactWriter] fills. Whatever goes
// wrong with it is told by Commit.
func (s *Store) NewOutput(dst string, opts CopyOptions) *Output {
	o := s.disk.newOutput(dst, opts)
	o.store = s
	return o
}

func (d *disk) newOutput(dst string, opts CopyOptions) *Output {
	o := &Output{dst: dst, opts: opts}
	target, err := resolveTarget(dst)
	if err != nil {
		o.err = err
		return o
	}
	out, err := newOutFile(d, target)
	if err != nil {
		o.err = err
		return o
	}
	o.out = out
	o.err = keepMode(out.f, target)
	return o
}

// fill has write give the file its content.
func (o *Output) fill(write func(out *outFile) error) {
	if o.err == nil {
		o.err = write(o.out)
	}
}

// Commit gives the file its name, if all went well and ctx has not ended. The
// errors are those of [Store.CopyOut].
func (o *Output) Commit(ctx context.Context) error {
	defer o.Abort()
	if err := o.finish(ctx); err != nil {
		return fmt.Errorf("copy artifact to %s: %w", o.dst, elsewhere(err))
	}
	return nil
}

// elsewhere says what to do about a disk that is full.
func elsewhere(err error) error {
	if noSpace(err) {
		return hint.With(fmt.Errorf("%w: %w", ErrNoSpace, err), "free space there, or choose a place on another filesystem")
	}
	return err
}

func (o *Output) finish(ctx context.Context) error {
	if o.err == nil {
		o.err = ctx.Err()
	}
	if o.err == nil && o.begun != nil {
		o.err = errUnfinished
	}
	if o.err == nil {
		o.err = o.out.commit(o.opts.Fsync)
	}
	return o.err
}

// Abort gives the file up; nothing of it is left. It does nothing after Commit,
// so it can be deferred.
func (o *Output) Abort() {
	o.begun.abort()
	if o.out != nil {
		o.out.abort()
		o.out = nil
	}
	if o.err == nil {
		o.err = errEnded
	}
}

// CheckOutput finds out, before the work, that [WriteOutput] could not make
// dst: what it leads to is no regular file, or its directory is not there or
// not the caller's to write to. The errors are those of WriteOutput. It
// changes nothing, and promises nothing of later.
func CheckOutput(dst string) error {
	target, err := resolveTarget(dst)
	if err == nil {
		dir := filepath.Dir(target)
		err = os.NewSyscallError("access", unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dst, err)
	}
	return nil
}

// keepMode gives f the permissions of the file that it will replace, if there
// is one: whoever made it private meant its content.
func keepMode(f *os.File, target string) error {
	old, err := os.Lstat(target)
	if err != nil {
		return nil //nolint:nilerr // nothing is there to be replaced
	}
	return f.Chmod(old.Mode().Perm())
}

// ctxWriter fails once its context has ended.
type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}
