package mkext4

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"banger/internal/ext4"
	"banger/plugins/internal/e2fsprogs"
	"banger/sdk"
	"banger/sdk/tree"
)

// Script is a debugfs script for a job's image. It sets only what is not
// right already, so that it stays short; the image is the same.
type Script struct {
	*e2fsprogs.Script
	job    *Job
	values map[string]string // the file that holds a value
}

// valueDir is the directory of the values of xattrs, in the scratch
// directory, where debugfs runs.
const valueDir = "xattrs"

// NewScript begins a script.
func (j *Job) NewScript() (*Script, error) {
	if err := os.Mkdir(filepath.Join(j.Req.Scratch, valueDir), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make directory for xattrs: %w", err)
	}
	s, err := e2fsprogs.NewScript(filepath.Join(j.Req.Scratch, "debugfs.script"))
	if err != nil {
		return nil, err
	}
	return &Script{Script: s, job: j, values: make(map[string]string)}, nil
}

// Run runs the script on the image.
func (s *Script) Run(ctx context.Context) error {
	s.job.Req.Progress(sdk.Progress{Phase: "debugfs"})
	return s.Script.Run(ctx, s.job.Tools, s.job.Image, s.job.Req.Scratch)
}

// Number sets a field to want if it is not that.
func (s *Script) Number(inode *ext4.Inode, field string, have, want uint32) {
	if have != want {
		s.Set(inode.Number, field, want)
	}
}

// Time sets a time, such as "mtime", to one that ext4 can hold.
func (s *Script) Time(inode *ext4.Inode, field string, have, want tree.Time) {
	lo, extra := ext4.EncodeTime(want)
	haveLo, haveExtra := ext4.EncodeTime(have)
	s.Number(inode, field+"_lo", haveLo, lo)
	s.Number(inode, field+"_hi", haveExtra, extra)
}

// Portable takes away what the host leaves in the image: flags that chattr(1)
// has given the staged file. What libext2fs itself sets stays.
func (s *Script) Portable(inode *ext4.Inode) {
	s.Number(inode, "flags", inode.Flags, inode.Flags&ext4.FlagExtents)
}

// PortableSuper does the same for the superblock: mke2fs notes there whether
// the C type char is signed on the host, for directory hashes, of which a new
// image has none.
func (s *Script) PortableSuper() {
	const signedHash = 1 // EXT2_FLAGS_SIGNED_HASH
	s.SetSuper("flags", signedHash)
}

// Xattr adds an xattr to an inode that does not have it. It reports whether
// debugfs can be told the name.
func (s *Script) Xattr(inode uint32, x tree.Xattr) (bool, error) {
	if !e2fsprogs.Sayable(x.Name) {
		return false, nil
	}
	file, ok := s.values[x.Value]
	if !ok {
		file = filepath.Join(valueDir, strconv.Itoa(len(s.values)))
		if err := os.WriteFile(filepath.Join(s.job.Req.Scratch, file), []byte(x.Value), 0o600); err != nil {
			return false, fmt.Errorf("write xattr value: %w", err)
		}
		s.values[x.Value] = file
	}
	s.SetXattr(inode, x.Name, file)
	return true, nil
}
