package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"banger/core/compare"
	"banger/internal/ext4"
	"banger/sdk/tree"
)

// ErrDifferent is wrapped by the error about things that should be the same
// and are not.
var ErrDifferent = errors.New("there are differences")

// VerifiedImage is what came of a verification.
type VerifiedImage struct {
	Ref         string
	Manifest    digest.Digest
	Entries     int // paths of the image
	Differences []compare.Difference
	// Fsck is what e2fsck said of a filesystem that it did not find clean, ""
	// if it did or was not run.
	Fsck string
}

// VerifyImageOptions say what is verified and how.
type VerifyImageOptions struct {
	Image Image
	File  string // an ext4 image
	compare.Options
	E2fsck string // the program, "" to do without
}

// VerifyImage reads an ext4 image back and holds all of it against the tree of an
// image: every path, its type, content, owner, mode, mtime, xattrs, device
// number, and which names share an inode. The empty /lost+found that mke2fs
// makes does not count. A file that is damaged, cut short or no filesystem at
// all differs; one that cannot be judged, because it is not there or of a kind
// that is not read, is another error. The result comes with every error that
// wraps ErrDifferent.
func (e *Engine) VerifyImage(ctx context.Context, o VerifyImageOptions) (*VerifiedImage, error) {
	img, openErr := ext4.Open(o.File)
	if openErr == nil {
		defer img.Close()
	} else if !damaged(openErr) {
		return nil, fmt.Errorf("verify %s: %w", o.File, openErr)
	}
	src, err := e.open(ctx, o.Image)
	if err != nil {
		return nil, err
	}
	defer src.close()
	want, err := e.pullTree(ctx, src, o.Image)
	if err != nil {
		return nil, err
	}
	v := &VerifiedImage{Ref: src.Name(), Manifest: src.Manifest().Digest, Entries: len(want.Entries)}
	if openErr != nil {
		v.unreadable(openErr)
	} else if err := v.compare(ctx, img, want.Tree, o.Options); err != nil {
		return nil, fmt.Errorf("verify %s: %w", o.File, err)
	}
	if v.Fsck, err = fsck(ctx, o.E2fsck, o.File); err != nil {
		return nil, err
	}
	if n := len(v.Differences); n > 0 || v.Fsck != "" {
		err = fmt.Errorf("verify %s against %s: %w: %d", o.File, v.Ref, ErrDifferent, n)
		if v.Fsck != "" {
			err = fmt.Errorf("%w, and e2fsck does not find it clean", err)
		}
	}
	return v, err
}

// damaged says of an error about an image whether it is the image's.
func damaged(err error) bool {
	return errors.Is(err, ext4.ErrFormat) && !errors.Is(err, ext4.ErrUnsupported)
}

// compare holds what img has against want.
func (v *VerifiedImage) compare(ctx context.Context, img *ext4.Image, want *tree.Tree, o compare.Options) error {
	got, err := img.ReadTree(ctx)
	if damaged(err) {
		v.unreadable(err)
		return nil
	}
	if err != nil {
		return err
	}
	dropLostFound(want, got)
	v.Differences = compare.Trees(normal(want), got, o)
	return nil
}

// unreadable notes that there is no reading the image.
func (v *VerifiedImage) unreadable(err error) {
	v.Differences = []compare.Difference{{Field: compare.Filesystem, Want: "ext4", Got: err.Error()}}
}

// normal returns t with its xattrs in the form in which filesystems show them.
func normal(t *tree.Tree) *tree.Tree {
	n := *t
	n.Entries = slices.Clone(t.Entries)
	for i := range n.Entries {
		n.Entries[i].Xattrs = ext4.NormalXattrs(n.Entries[i].Xattrs)
	}
	return &n
}

// dropLostFound takes the empty directory that mke2fs makes, for root alone, out
// of got if want has none.
func dropLostFound(want, got *tree.Tree) {
	const name = "lost+found"
	i := got.Index(name)
	if i < 0 || want.Index(name) >= 0 {
		return
	}
	if e := &got.Entries[i]; e.Type != tree.Directory || e.Mode != 0o700 || e.UID != 0 || e.GID != 0 || len(e.Xattrs) > 0 {
		return
	}
	if k := slices.IndexFunc(got.Entries, func(e tree.Entry) bool { return strings.HasPrefix(e.Path, name+"/") }); k < 0 {
		got.Entries = slices.Delete(got.Entries, i, i+1)
	}
}

// fsck returns what e2fsck has to complain of.
func fsck(ctx context.Context, program, file string) (string, error) {
	if program == "" {
		return "", nil
	}
	out, err := exec.CommandContext(ctx, program, "-fn", file).CombinedOutput()
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		return "", fmt.Errorf("run %s: %w", program, err)
	}
	const most = 4000
	return string(out[:min(len(out), most)]), nil
}

// Diff compares two things that are ext4 images in files, trees in files, or
// references of images, which options apply to. An error that wraps
// ErrDifferent comes with the differences.
func (e *Engine) Diff(ctx context.Context, a, b Image, o compare.Options) ([]compare.Difference, error) {
	want, err := e.treeOf(ctx, a)
	if err != nil {
		return nil, err
	}
	got, err := e.treeOf(ctx, b)
	if err != nil {
		return nil, err
	}
	list := compare.Trees(normal(want), normal(got), o)
	if len(list) > 0 {
		err = fmt.Errorf("compare %s with %s: %w: %d", a.Ref, b.Ref, ErrDifferent, len(list))
	}
	return list, err
}

// NoFile says of an image that was not had that its reference, where it looks
// like a path, names no file either. A nil err stays nil.
func NoFile(ref string, err error) error {
	if err == nil || strings.Contains(ref, ":") {
		return err
	}
	return fmt.Errorf("%s is no file, and as an image: %w", ref, err)
}

// treeOf reads the tree that a file holds, or that of an image if there is no
// such file.
func (e *Engine) treeOf(ctx context.Context, im Image) (*tree.Tree, error) {
	if info, err := os.Stat(im.Ref); err != nil || !info.Mode().IsRegular() {
		t, _, err := e.Tree(ctx, im)
		return t, NoFile(im.Ref, err)
	}
	img, err := ext4.Open(im.Ref)
	if err == nil {
		defer img.Close()
		t, err := img.ReadTree(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", im.Ref, err)
		}
		return t, err
	}
	f, openErr := os.Open(im.Ref)
	if openErr != nil {
		return nil, fmt.Errorf("compare: %w", openErr)
	}
	defer f.Close()
	if t, treeErr := tree.Read(f); treeErr == nil {
		return t, nil
	}
	return nil, fmt.Errorf("%s is neither a tree nor an ext4 image: %w", im.Ref, err)
}
