package treetar_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	b64 "encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/internal/treetest"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

func write(t testing.TB, tr *tree.Tree, p tree.Packs) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := treetar.Write(context.Background(), &buf, tr, p); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// member is what a reader says of an entry, in the terms of a tree.
type member struct {
	Type               byte
	Mode               int64
	UID, GID           int
	Sec                int64
	Nsec               int
	Link               string
	DevMajor, DevMinor int64
	Size               int64
	Sum                [sha256.Size]byte
	Xattrs             map[string]string
}

var typeflag = map[tree.Type]byte{
	tree.Regular: tar.TypeReg, tree.Directory: tar.TypeDir, tree.Symlink: tar.TypeSymlink, tree.Hardlink: tar.TypeLink,
	tree.CharDevice: tar.TypeChar, tree.BlockDevice: tar.TypeBlock, tree.Fifo: tar.TypeFifo,
}

// wanted is what a tar of tr should read as.
func wanted(tr *tree.Tree) map[string]member {
	order := slices.Clone(tr.Entries)
	slices.SortFunc(order, func(a, b tree.Entry) int {
		return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	})
	all, seen := map[string]member{}, map[*tree.Entry]string{}
	for _, e := range order {
		inode := tr.Lookup(e.Path)
		if e.Type == tree.Hardlink {
			inode = tr.Lookup(e.Target)
		}
		name, first := e.Path, seen[inode]
		if e = *inode; first != "" {
			e = tree.Entry{Type: tree.Hardlink, Target: first}
		} else {
			seen[inode] = name
		}
		m := member{
			Type: typeflag[e.Type], Mode: int64(inode.Mode), UID: int(inode.UID), GID: int(inode.GID),
			Sec: inode.MTime.Sec, Nsec: int(inode.MTime.Nsec), Link: e.Target, Size: e.Size, Sum: sha256.Sum256(nil),
			Xattrs: map[string]string{},
		}
		if e.Type == tree.CharDevice || e.Type == tree.BlockDevice {
			m.DevMajor, m.DevMinor = int64(e.DevMajor), int64(e.DevMinor)
		} else if inode.Type == tree.CharDevice || inode.Type == tree.BlockDevice {
			m.DevMajor, m.DevMinor = int64(inode.DevMajor), int64(inode.DevMinor)
		}
		if e.Type == tree.Regular {
			m.Sum = e.SHA256
		}
		for _, x := range inode.Xattrs {
			m.Xattrs[x.Name] = x.Value
		}
		if e.Type == tree.Directory {
			name = strings.TrimPrefix(name+"/", "/")
		}
		if inode.Path == "" {
			name = "./"
		}
		all[name] = m
	}
	return all
}

// readGo reads an archive with Go's archive/tar.
func readGo(r io.Reader) (map[string]member, error) {
	tr := tar.NewReader(r)
	all := map[string]member{}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, tr); err != nil {
			return nil, err
		}
		m := member{
			Type: h.Typeflag, Mode: h.Mode, UID: h.Uid, GID: h.Gid, Sec: h.ModTime.Unix(), Nsec: h.ModTime.Nanosecond(),
			Link: h.Linkname, DevMajor: h.Devmajor, DevMinor: h.Devminor, Size: h.Size, Xattrs: map[string]string{},
		}
		sum.Sum(m.Sum[:0])
		for k, v := range h.PAXRecords {
			if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
				m.Xattrs[name] = v
			}
			if name, ok := strings.CutPrefix(k, "LIBARCHIVE.xattr."); ok {
				m.Xattrs[name] = v
			}
		}
		all[h.Name] = m
	}
}

func TestGoReadsBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, packs := treetest.Draw(rt, dir, treetest.Limits{})
		b := write(t, tr, packs)
		if len(b)%10240 != 0 || !bytes.Equal(b[len(b)-1024:], make([]byte, 1024)) {
			rt.Fatalf("the archive of %d bytes does not end as it should", len(b))
		}
		got, err := readGo(bytes.NewReader(b))
		if err != nil {
			rt.Fatal(err)
		}
		want := wanted(tr)
		for _, m := range want { // archive/tar has no notion of this escaping
			if v, ok := m.Xattrs["user.a=b"]; ok {
				delete(m.Xattrs, "user.a=b")
				m.Xattrs["user.a%3Db"] = base64(v)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("wanted -, read +:\n%s", d)
		}
	})
}

func TestEqualTreesEqualBytes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, packs := treetest.Draw(rt, dir, treetest.Limits{})
		if !bytes.Equal(write(t, tr, packs), write(t, tr, packs)) {
			rt.Fatal("two archives of one tree differ")
		}
	})
}

func base64(s string) string { return b64.RawStdEncoding.EncodeToString([]byte(s)) }
