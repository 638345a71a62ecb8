package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"strings"
)

// Bounds on the members of an archive of images, of which there are a few for
// each layer.
const (
	maxMembers     = 100_000
	maxMemberNames = 16 << 20 // bytes of all names and link targets
	maxMemberLinks = 8        // from a name to its file
)

// archive is the members of a plain tar, read in place. Nothing is extracted:
// names mean members and nothing else. Where a name occurs twice, the later
// member counts. It is safe for concurrent use.
type archive struct {
	file    *os.File
	members map[string]member
}

// member is a regular file of an archive, or a link to another member.
type member struct {
	off, size int64
	link      string // the member it stands for, "" for a file
	why       string // why it cannot be read, "" if it can
}

// newArchive reads the headers of the tar f, which it owns from then on.
func newArchive(ctx context.Context, f *os.File) (*archive, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read archive: %w", err)
	}
	members, err := scan(ctx, f, size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &archive{f, members}, nil
}

// scan returns the members of the tar of size bytes in r.
func scan(ctx context.Context, r io.ReaderAt, size int64) (map[string]member, error) {
	at := io.NewSectionReader(r, 0, size)
	tr := tar.NewReader(at)
	members := make(map[string]member)
	names := 0
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read archive: %w", context.Cause(ctx))
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, tarError(err, len(members))
		}
		if names += len(h.Name) + len(h.Linkname); n >= maxMembers || names > maxMemberNames {
			return nil, invalid("the archive has more than %d members, or %d bytes of their names", maxMembers, maxMemberNames)
		}
		off, err := at.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		name, ok := memberName(h.Name)
		if !ok || h.Typeflag == tar.TypeXGlobalHeader || h.Typeflag == tar.TypeDir {
			continue
		}
		members[name] = newMember(name, h, off, size)
	}
}

func tarError(err error, read int) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("the archive is truncated after %d members", read)
	case errors.Is(err, tar.ErrHeader) && read == 0:
		return invalid("not a tar archive")
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		return invalid("the archive is damaged after %d members: %w", read, err)
	}
	return fmt.Errorf("read archive: %w", err)
}

// newMember notes where the body of h is; off is where it begins if h is a
// file, and end the size of the archive.
func newMember(name string, h *tar.Header, off, end int64) member {
	switch h.Typeflag {
	case tar.TypeReg:
		switch {
		case sparse(h):
			return member{why: "is stored as a sparse file"}
		case h.Size < 0 || h.Size > end-off:
			return member{why: "is truncated"}
		}
		return member{off: off, size: h.Size}
	case tar.TypeSymlink:
		target := h.Linkname
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		return linkTo(target)
	case tar.TypeLink:
		return linkTo(h.Linkname)
	}
	return member{why: "is not a regular file"}
}

func linkTo(target string) member {
	name, ok := memberName(target)
	if !ok {
		return member{why: "is a link out of the archive"}
	}
	return member{link: name}
}

func sparse(h *tar.Header) bool {
	for key := range maps.Keys(h.PAXRecords) {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// memberName returns the form of a name under which a member is kept, and
// false for one that leads out of the archive or nowhere.
func memberName(s string) (string, bool) {
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return "", false
		}
	}
	s = path.Clean("/" + s)[1:]
	return s, s != ""
}

// find returns the member that name stands for, through links.
func (a *archive) find(name string) (member, error) {
	at, ok := memberName(name)
	if !ok {
		return member{}, invalid("%.200q is no name of a member", name)
	}
	for range maxMemberLinks {
		m, ok := a.members[at]
		switch {
		case !ok:
			return member{}, notFound("%.200q is missing in the archive", name)
		case m.why != "":
			return member{}, invalid("%.200q in the archive %s", name, m.why)
		case m.link == "":
			return m, nil
		}
		at = m.link
	}
	return member{}, invalid("%.200q in the archive is a link in a circle", name)
}

func (a *archive) has(name string) bool {
	_, ok := a.members[name]
	return ok
}

// section returns the body of a member.
func (a *archive) section(m member) *io.SectionReader {
	return io.NewSectionReader(a.file, m.off, m.size)
}

func (a *archive) open(name string) (io.ReadCloser, int64, error) {
	m, err := a.find(name)
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(a.section(m)), m.size, nil
}

func (a *archive) Close() error { return a.file.Close() }
