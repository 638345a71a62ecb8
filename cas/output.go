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
	err := d.output(ctx, dst, CopyOptions{}, func(out *outFile) error {
		return write(&ctxWriter{ctx, out.f})
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", dst, err)
	}
	return nil
}

// output makes a file at dst and has fill write it.
func (d *disk) output(ctx context.Context, dst string, opts CopyOptions, fill func(out *outFile) error) error {
	err := d.fillOutput(ctx, dst, opts, fill)
	if noSpace(err) {
		return hint.With(fmt.Errorf("%w: %w", ErrNoSpace, err), "free space there, or choose a place on another filesystem")
	}
	return err
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

func (d *disk) fillOutput(ctx context.Context, dst string, opts CopyOptions, fill func(out *outFile) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	target, err := resolveTarget(dst)
	if err != nil {
		return err
	}
	out, err := newOutFile(d, target)
	if err != nil {
		return err
	}
	defer out.abort()
	if err := keepMode(out.f, target); err != nil {
		return err
	}
	if err := fill(out); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return out.commit(opts.Fsync)
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
