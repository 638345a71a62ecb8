package e2fsprogs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// features is the complete set of every image: Debian's default of mke2fs
// 1.47, which all kernels since 4.x can write. It is given in full, so that
// no configuration and no newer version adds to it.
var features = []string{
	"none", "has_journal", "ext_attr", "resize_inode", "dir_index", "filetype", "extent", "64bit", "flex_bg",
	"sparse_super", "large_file", "huge_file", "dir_nlink", "extra_isize", "metadata_csum",
}

// config stands in for the host's mke2fs.conf: the mount options that it has
// everywhere, and no more.
const config = `[defaults]
	base_features = none
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext4 = {
		inode_size = 256
	}
`

// Mkfs is a filesystem to make.
type Mkfs struct {
	Image    string // absolute; made anew
	Dir      string // absolute; what goes into it, without xattrs
	Scratch  string // a directory for the configuration
	Bytes    int64  // of the image, a multiple of 4096
	Inodes   int64
	Journal  int64 // in MiB
	Label    string
	UUID     string
	HashSeed string
}

// Run makes the image. Its error wraps ErrFull when the image is too small,
// syscall.ENOSPC when the disk that it lies on is full.
func (m *Mkfs) Run(ctx context.Context, t Tools) error {
	conf := filepath.Join(m.Scratch, "mke2fs.conf")
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		return fmt.Errorf("write mke2fs.conf: %w", err)
	}
	if err := m.create(); err != nil {
		return err
	}
	out, err := run(ctx, command{path: t.Mkfs, args: m.args(), env: []string{"MKE2FS_CONFIG=" + conf}, log: t.Log})
	if err != nil {
		return failure(ctx, MkfsName, m.Image, err, out)
	}
	return nil
}

// create makes the image a hole of its final size.
func (m *Mkfs) create() error {
	f, err := os.OpenFile(m.Image, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create image: %w", err)
	}
	err = f.Truncate(m.Bytes)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("create image of %d bytes: %w", m.Bytes, err)
	}
	return nil
}

// args are mkfs.ext4's arguments. The inode tables are marked as zeroed,
// which in a new file they are, so that the kernel need not do it after the
// first mount; the journal needs no such mark. Discarding, the default, is
// what keeps the zeroing from being done with written blocks.
func (m *Mkfs) args() []string {
	extended := []string{
		"hash_seed=" + m.HashSeed, "root_owner=0:0", "lazy_itable_init=0", "lazy_journal_init=1", "no_copy_xattrs",
	}
	return []string{
		"-F", "-q", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0",
		"-N", strconv.FormatInt(m.Inodes, 10), "-J", "size=" + strconv.FormatInt(m.Journal, 10),
		"-U", m.UUID, "-L", m.Label, "-E", strings.Join(extended, ","), "-O", strings.Join(features, ","),
		"-d", m.Dir, m.Image,
	}
}
