package tarread_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"banger/internal/need"
	"banger/sdk/tree"
)

// fixture makes a directory with one of each kind. What an old format cannot
// hold has a name of its own, to be left out.
func fixture(t *testing.T) (dir string, xattrs bool) {
	dir = t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	deep := filepath.Join("deep", strings.Repeat("e", 80), strings.Repeat("e", 80))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(path(deep), 0o755))
	check(os.WriteFile(path(deep+"/file"), []byte("deep"), 0o600))
	check(os.WriteFile(path("f"), []byte("hello"), 0o644))
	check(os.Chmod(path("f"), 0o755|os.ModeSetuid))
	check(os.Link(path("f"), path("hard")))
	check(os.Symlink("../some where/\\else", path("sym")))
	check(os.WriteFile(path("long-"+strings.Repeat("l", 200)), []byte("long"), 0o644))
	check(os.Symlink(strings.Repeat("t", 300), path("long-link")))
	check(os.WriteFile(path("early"), nil, 0o644))
	check(os.Chtimes(path("early"), time.Time{}, time.Unix(-2, 25e7)))
	check(os.WriteFile(path("late"), nil, 0o644))
	check(os.Chtimes(path("late"), time.Time{}, time.Unix(1<<33-1, 123456789)))
	check(unix.Mkfifo(path("node-fifo"), 0o640))
	if os.Geteuid() == 0 {
		check(unix.Mknod(path("node-char"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		check(unix.Mknod(path("node-block"), unix.S_IFBLK|0o600, int(unix.Mkdev(259, 70000))))
		check(os.Lchown(path("sym"), 1234, 70000))
	}
	sparseFile(t, path("sparse"))
	return dir, unix.Lsetxattr(path("f"), "user.x", []byte("a\x00\nb"), 0) == nil
}

// sparseFile makes a file with more runs of data than a GNU header holds.
func sparseFile(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(12) {
		if _, err := f.WriteAt([]byte("data"), i<<20); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(20<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestGNUTarAndBsdtar reads what the two tars write, and holds each entry
// against what bsdtar reads.
func TestGNUTarAndBsdtar(t *testing.T) {
	gnu, bsd := need.Tool(t, "tar", "tar"), need.Tool(t, "bsdtar", "libarchive-tools")
	dir, xattrs := fixture(t)
	content, err := os.ReadFile(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	old := []string{"--exclude=./long-*", "--exclude=./early"}
	oldest := append([]string{"--exclude=./node-*", "--exclude=./deep/e*/*"}, old...)
	posix := []string{gnu, "--format=posix", "--xattrs", "--xattrs-include=*"}
	for _, c := range []struct {
		name           string
		cmd            []string
		sparse, xattrs bool
	}{
		{"GNU tar v7", append([]string{gnu, "--format=v7"}, oldest...), false, false},
		{"GNU tar oldgnu", []string{gnu, "--format=oldgnu", "-S"}, true, false},
		{"GNU tar ustar", append([]string{gnu, "--format=ustar"}, old...), false, false},
		{"GNU tar gnu", []string{gnu, "--format=gnu", "-S"}, true, false},
		{"GNU tar posix", posix, false, true},
		{"GNU tar sparse 0.0", append(posix, "-S", "--sparse-version=0.0"), true, true},
		{"GNU tar sparse 0.1", append(posix, "-S", "--sparse-version=0.1"), true, true},
		{"GNU tar sparse 1.0", append(posix, "-S", "--sparse-version=1.0"), true, true},
		{"bsdtar v7", append([]string{bsd, "--format=v7"}, oldest...), false, false},
		{"bsdtar ustar", append([]string{bsd, "--format=ustar"}, old...), false, false},
		{"bsdtar gnutar", []string{bsd, "--format=gnutar", "--exclude=./early"}, false, false},
		{"bsdtar pax", []string{bsd, "--format=pax", "--xattrs"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := run(t, nil, dir, append(c.cmd, "-cf", "-", ".")...)
			members, err := readAll(archive, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			judged, got := mtreeOfBsdtar(t, bsd, archive), mtreeOf(members)
			if c.sparse {
				judged, got = withoutSparseDigest(judged), withoutSparseDigest(got)
			}
			if diff := cmp.Diff(judged, got); diff != "" {
				t.Errorf("(-bsdtar +banger):\n%s", diff)
			}
			for _, m := range members {
				base := filepath.Base(m.Path)
				if c.xattrs && xattrs && base == "f" && !slices.Contains(m.Xattrs, tree.Xattr{Name: "user.x", Value: "a\x00\nb"}) {
					t.Errorf("xattrs of f: %q", m.Xattrs)
				}
				if base == "sparse" && !bytes.Equal(expand(m), content) {
					t.Error("contents of sparse")
				}
				if c.sparse && base == "sparse" && (len(m.Segments) < 12 || len(m.Data) > 1<<20) {
					t.Errorf("segments of sparse: %v, %d bytes stored", m.Segments, len(m.Data))
				}
			}
		})
	}
}

// TestGlobalHeadersOfGNUTar has GNU tar as the judge: bsdtar ignores them.
func TestGlobalHeadersOfGNUTar(t *testing.T) {
	gnu, dir := need.Tool(t, "tar", "tar"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := run(t, nil, dir, gnu, "--format=posix", "--pax-option=gid=4000000000", "-cf", "-", "f")
	listing := string(run(t, archive, dir, gnu, "--numeric-owner", "-tvf", "-"))
	members, err := readAll(archive, 1<<20)
	if err != nil || len(members) != 1 {
		t.Fatalf("%v, %v", members, err)
	}
	if m := members[0]; m.GID != 4_000_000_000 || !strings.Contains(listing, fmt.Sprintf("/%d ", m.GID)) {
		t.Errorf("gid %d; GNU tar lists %s", m.GID, listing)
	}
}

// run runs a command and returns its output. A tar that cannot hold something
// has lost the test's faith: it must succeed.
func run(t *testing.T, stdin []byte, dir string, argv ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, &stderr)
	}
	return out
}

// mtreeOfBsdtar returns the archive's entries as bsdtar understands them.
func mtreeOfBsdtar(t *testing.T, bsdtar string, archive []byte) []string {
	out := run(t, archive, t.TempDir(), bsdtar, "-cf", "-", "--format=mtree",
		"--options=!all,mode,uid,gid,time,size,link,type,device,sha256", "@-")
	var lines []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if slices.Contains(fields, "type=file") && !strings.Contains(line, "sha256") {
			fields = slices.DeleteFunc(fields, func(f string) bool { return strings.HasPrefix(f, "size=") })
		}
		slices.Sort(fields[1:])
		lines = append(lines, unescape(strings.Join(fields, " ")))
	}
	slices.Sort(lines)
	return lines
}

// withoutSparseDigest drops the digest of the sparse file: bsdtar's leaves out
// the holes.
func withoutSparseDigest(lines []string) []string {
	for i, line := range lines {
		if strings.HasPrefix(line, "./sparse ") {
			lines[i] = strings.Join(slices.DeleteFunc(strings.Fields(line), func(f string) bool {
				return strings.HasPrefix(f, "sha256")
			}), " ")
		}
	}
	return lines
}

// unescape replaces mtree's octal escapes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mtreeOf says of members what bsdtar would. It has no word for a hardlink.
func mtreeOf(members []member) []string {
	kinds := map[tree.Type]string{
		tree.Regular: "file", tree.Directory: "dir", tree.Symlink: "link", tree.Hardlink: "file",
		tree.CharDevice: "char", tree.BlockDevice: "block", tree.Fifo: "fifo",
	}
	var lines []string
	for _, m := range members {
		fields := []string{
			fmt.Sprintf("mode=%o", m.Mode), fmt.Sprintf("uid=%d", m.UID), fmt.Sprintf("gid=%d", m.GID),
			"type=" + kinds[m.Type], "time=" + decimal(m.MTime),
		}
		switch m.Type {
		case tree.Regular:
			fields = append(fields, fmt.Sprintf("size=%d", m.Size), fmt.Sprintf("sha256digest=%x", sha256.Sum256(expand(m))))
		case tree.Symlink:
			fields = append(fields, "link="+m.Target)
		case tree.CharDevice, tree.BlockDevice:
			fields = append(fields, fmt.Sprintf("device=native,%d,%d", m.DevMajor, m.DevMinor))
		}
		slices.Sort(fields)
		lines = append(lines, "./"+strings.Trim(strings.TrimPrefix(m.Path, "."), "/")+" "+strings.Join(fields, " "))
	}
	for i, line := range lines {
		lines[i] = strings.Replace(line, "./ ", "/. ", 1)
	}
	slices.Sort(lines)
	return lines
}

// decimal writes a time as bsdtar's mtree does: the fraction in nanoseconds,
// without leading zeros.
func decimal(t tree.Time) string {
	if t.Sec < 0 && t.Nsec > 0 {
		return fmt.Sprintf("-%d.%d", -(t.Sec + 1), 1_000_000_000-t.Nsec)
	}
	return fmt.Sprintf("%d.%d", t.Sec, t.Nsec)
}

// expand returns the whole content of a file, holes filled with zeros.
func expand(m member) []byte {
	out, data := make([]byte, m.Size), m.Data
	for _, s := range m.Segments {
		copy(out[s.Offset:s.Offset+s.Length], data)
		data = data[s.Length:]
	}
	return out
}
