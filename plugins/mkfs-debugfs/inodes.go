package mkfsdebugfs

import (
	"context"

	"banger/internal/ext4"
	"banger/plugins/internal/mkext4"
	"banger/sdk/tree"
)

// symlinkMode is the mode that Linux shows for every symlink.
const symlinkMode = 0o777

// writeInodes writes everything that a tree says of its inodes, and frees
// orphans.
func writeInodes(ctx context.Context, j *mkext4.Job, orphans []uint32) error {
	s, err := j.NewScript()
	if err != nil {
		return err
	}
	defer s.Close()
	s.PortableSuper()
	for _, n := range orphans {
		s.Free(n)
	}
	err = read(ctx, j, func(img *ext4.Image, m *mkext4.Match) error {
		if m.LostFound {
			s.RemoveDir("lost+found")
		}
		for i := range j.Tree.Entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeInode(s, img, &j.Tree.Entries[i], m.Inodes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func writeInode(s *mkext4.Script, img *ext4.Image, e *tree.Entry, n uint32) error {
	if e.Type == tree.Hardlink {
		return nil
	}
	inode, err := img.Inode(n)
	if err != nil {
		return err
	}
	mode := e.Mode
	if e.Type == tree.Symlink {
		mode = symlinkMode
	}
	s.Number(&inode, "mode", inode.Mode, ext4.TypeBits(e.Type)|mode)
	s.Number(&inode, "uid", inode.UID, e.UID)
	s.Number(&inode, "gid", inode.GID, e.GID)
	if e.Type != tree.Directory {
		s.Number(&inode, "links_count", inode.Links, max(e.Links, 1))
	}
	mtime, _ := ext4.Time(e.MTime)
	s.Time(&inode, "mtime", inode.MTime, mtime)
	s.Time(&inode, "atime", inode.ATime, mtime)
	s.Time(&inode, "ctime", inode.CTime, mtime)
	s.Time(&inode, "crtime", inode.CRTime, mtime)
	s.Portable(&inode)
	if ext4.IsDevice(e.Type) {
		block0, block1, _ := ext4.Device(e.DevMajor, e.DevMinor)
		s.Set(n, "block[0]", block0)
		s.Set(n, "block[1]", block1)
	}
	for _, x := range ext4.FitXattrs(e).Kept {
		if _, err := s.Xattr(n, x); err != nil {
			return err
		}
	}
	return nil
}
