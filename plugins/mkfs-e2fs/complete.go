package mkfse2fs

import (
	"context"

	"banger/internal/ext4"
	"banger/plugins/internal/imagebuild"
	"banger/plugins/internal/mkext4"
	"banger/sdk/tree"
)

// complete sets, with one debugfs script, what must not depend on the host.
func complete(ctx context.Context, j *mkext4.Job, l *losses) error {
	img, err := ext4.Open(j.Image)
	if err != nil {
		return err
	}
	defer img.Close()
	m, err := mkext4.NewMatch(ctx, img, j.Tree)
	if err != nil {
		return err
	}
	s, err := j.NewScript()
	if err != nil {
		return err
	}
	defer s.Close()
	s.PortableSuper()
	done := make(map[uint32]bool, len(m.Inodes))
	for i, n := range m.Inodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n == 0 || done[n] {
			continue
		}
		done[n] = true
		inode, err := img.Inode(n)
		if err != nil {
			return err
		}
		if err := completeInode(s, l, &j.Tree.Entries[imagebuild.Target(j.Tree, i)], &inode); err != nil {
			return err
		}
	}
	return s.Run(ctx)
}

func completeInode(s *mkext4.Script, l *losses, e *tree.Entry, inode *ext4.Inode) error {
	for _, x := range ext4.FitXattrs(e).Kept {
		if l.unstaged(e.Path, x.Name) {
			continue
		}
		said, err := s.Xattr(inode.Number, x)
		if err != nil {
			return err
		}
		if !said {
			l.because(e.Path, imagebuild.FieldXattr(x.Name), "debugfs cannot be told the name")
		}
	}
	mtime := inode.MTime
	if inode.Number == ext4.RootInode {
		mtime, _ = ext4.Time(e.MTime)
		s.Time(inode, "mtime", inode.MTime, mtime)
		s.Number(inode, "mode", inode.Mode, ext4.TypeDir|e.Mode)
	}
	s.Time(inode, "atime", inode.ATime, mtime)
	s.Time(inode, "ctime", inode.CTime, mtime)
	s.Portable(inode)
	return nil
}
