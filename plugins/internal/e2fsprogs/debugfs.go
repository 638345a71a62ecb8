package e2fsprogs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a line of a script in bytes. debugfs reads into 8192 bytes
// and takes what is longer for several commands.
const maxLine = 8000

// Script is a file of debugfs commands being written. Nothing fails before
// Run. Inodes are addressed by number, so no command holds a name of the
// tree, which may have any byte in it.
type Script struct {
	path string
	file *os.File
	w    *bufio.Writer
	err  error
}

// NewScript begins a script at path.
func NewScript(path string) (*Script, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write debugfs script: %w", err)
	}
	return &Script{path: path, file: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (s *Script) line(format string, args ...any) {
	n, err := fmt.Fprintf(s.w, format+"\n", args...)
	if err == nil && n > maxLine {
		err = fmt.Errorf("a command of %d bytes", n)
	}
	if s.err == nil {
		s.err = err
	}
}

// Set sets a field of an inode (set_inode_field) to a number.
func (s *Script) Set(inode uint32, field string, value uint32) {
	s.line("sif <%d> %s %#x", inode, field, value)
}

// SetSuper sets a field of the superblock to a number.
func (s *Script) SetSuper(field string, value uint32) { s.line("ssv %s %#x", field, value) }

// SetXattr sets an xattr to the content of a file, whose path is relative to
// Run's dir and needs no quotes. See [Sayable].
func (s *Script) SetXattr(inode uint32, name, file string) {
	s.line(`ea_set -f %s <%d> "%s"`, file, inode, strings.ReplaceAll(name, `"`, `""`))
}

// Sayable reports whether debugfs can be told the name of an xattr.
func Sayable(name string) bool { return !strings.ContainsAny(name, "\n\r\x00") }

// Mknod makes a device or a fifo in a directory. name is letters and digits.
func (s *Script) Mknod(dir uint32, name string, block bool) {
	kind := 'c'
	if block {
		kind = 'b'
	}
	s.line("cd <%d>", dir)
	s.line("mknod %s %c 0 0", name, kind)
}

// RemoveDir removes an empty directory of the root. name is as for Mknod.
func (s *Script) RemoveDir(name string) {
	s.line("cd <2>")
	s.line("rmdir %s", name)
}

// Free frees an inode that no name is left of, and its blocks.
func (s *Script) Free(inode uint32) {
	s.line("kill_file <%d>", inode)
	s.line("clri <%d>", inode)
}

// Close releases the script's file when it will not be run.
func (s *Script) Close() error { return s.file.Close() }

// Run ends the script and runs it on the image in dir. debugfs hides most
// failures from its exit code, so any complaint is an error; what it does not
// even complain about the caller finds by reading the image.
func (s *Script) Run(ctx context.Context, t Tools, image, dir string) error {
	if err := s.w.Flush(); s.err == nil {
		s.err = err
	}
	if err := s.file.Close(); s.err == nil {
		s.err = err
	}
	if s.err != nil {
		return fmt.Errorf("write debugfs script: %w", s.err)
	}
	script, err := filepath.Abs(s.path)
	if err != nil {
		return fmt.Errorf("find debugfs script: %w", err)
	}
	out, err := run(ctx, command{path: t.Debugfs, args: []string{"-w", "-f", script, image}, dir: dir, discard: true, log: t.Log})
	if err != nil || len(complaints(out.stderr)) > 0 {
		return failure(ctx, DebugfsName, image, err, out)
	}
	return nil
}
