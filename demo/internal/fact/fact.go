// Package fact says what the demo image promises of its own files, as lines
// of text that the image carries and its init holds against what it sees.
package fact

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Path is where the image keeps its facts, relative to its root.
const Path = "etc/banger-demo"

// Fact is what one path of the image is. Of an Absent one nothing but Path
// counts.
type Fact struct {
	Path     string // relative to the root; no spaces
	Absent   bool
	Mode     uint32 // as in st_mode: type and permission bits
	UID, GID uint32
	MTime    time.Time
	Links    uint64 // 0 leaves it open
	Target   string // of a symlink; no spaces
	Xattr    string // "NAME=VALUE" or ""; no spaces
}

// String returns the fact's line: fields in order, separated by spaces.
func (f Fact) String() string {
	if f.Absent {
		return "absent " + f.Path
	}
	return fmt.Sprintf("%o %d %d %d.%09d %d %s %s %s", f.Mode, f.UID, f.GID, f.MTime.Unix(), f.MTime.Nanosecond(),
		f.Links, f.Path, orDash(f.Target), orDash(f.Xattr))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func fromDash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// Parse reads one line that String made.
func Parse(line string) (Fact, error) {
	w := strings.Fields(line)
	if len(w) == 2 && w[0] == "absent" {
		return Fact{Path: w[1], Absent: true}, nil
	}
	if len(w) != 8 {
		return Fact{}, fmt.Errorf("parse fact %q: %d fields", line, len(w))
	}
	sec, nsec, _ := strings.Cut(w[3], ".")
	var errs []error
	number := func(s string, base int) int64 {
		n, err := strconv.ParseInt(s, base, 64)
		errs = append(errs, err)
		return n
	}
	f := Fact{
		Mode:   uint32(number(w[0], 8)),
		UID:    uint32(number(w[1], 10)),
		GID:    uint32(number(w[2], 10)),
		MTime:  time.Unix(number(sec, 10), number(nsec, 10)).UTC(),
		Links:  uint64(number(w[4], 10)),
		Path:   w[5],
		Target: fromDash(w[6]),
		Xattr:  fromDash(w[7]),
	}
	if err := errors.Join(errs...); err != nil {
		return Fact{}, fmt.Errorf("parse fact %q: %w", line, err)
	}
	return f, nil
}

// ReadAll reads a file of facts, one a line.
func ReadAll(r io.Reader) ([]Fact, error) {
	var facts []Fact
	s := bufio.NewScanner(r)
	for s.Scan() {
		f, err := Parse(s.Text())
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	return facts, nil
}

// Check compares the fact with what lies below root and returns a line for
// each difference: "PATH: FIELD GOT, want WANTED".
func (f Fact) Check(root string) []string {
	name := filepath.Join(root, f.Path)
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) && f.Absent {
		return nil
	}
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", f.Path, err)}
	}
	if f.Absent {
		return []string{f.Path + ": exists, and should not"}
	}
	st := info.Sys().(*syscall.Stat_t)
	var diff []string
	compare := func(field, got, want string) {
		if got != want {
			diff = append(diff, fmt.Sprintf("%s: %s %s, want %s", f.Path, field, got, want))
		}
	}
	compare("mode", fmt.Sprintf("%o", st.Mode), fmt.Sprintf("%o", f.Mode))
	compare("owner", fmt.Sprintf("%d:%d", st.Uid, st.Gid), fmt.Sprintf("%d:%d", f.UID, f.GID))
	compare("mtime", info.ModTime().UTC().Format(time.RFC3339Nano), f.MTime.UTC().Format(time.RFC3339Nano))
	if f.Links > 0 {
		compare("links", fmt.Sprint(st.Nlink), strconv.FormatUint(f.Links, 10))
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		target, _ := os.Readlink(name)
		compare("target", target, f.Target)
	}
	if key, want, ok := strings.Cut(f.Xattr, "="); ok {
		compare("xattr "+key, xattr(name, key), want)
	}
	return diff
}

// xattr returns the value of an extended attribute, or the error in its place.
func xattr(name, key string) string {
	value := make([]byte, 256)
	n, err := unix.Lgetxattr(name, key, value)
	if err != nil {
		return err.Error()
	}
	return string(value[:n])
}
