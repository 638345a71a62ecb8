package fact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinesRoundTrip(t *testing.T) {
	facts := []Fact{
		{Path: "etc/removed", Absent: true},
		{Path: "srv/file", Mode: 0o100640, UID: 1000, GID: 4_000_000_000, MTime: time.Unix(2_208_988_800, 7).UTC(), Links: 2, Xattr: "user.demo=yes"},
		{Path: "srv/old", Mode: 0o100644, MTime: time.Unix(-86400, 500_000_000).UTC()},
		{Path: "lib", Mode: 0o120777, MTime: time.Unix(0, 0).UTC(), Target: "usr/lib"},
	}
	var text strings.Builder
	for _, f := range facts {
		text.WriteString(f.String() + "\n")
	}
	got, err := ReadAll(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{"", "absent", "100644 0 0 0.0 1 path -", "mode 0 0 0.0 1 path - -", "100644 0 0 noon 1 path - -"} {
		if f, err := Parse(line); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", line, f)
		}
	}
}

func TestCheck(t *testing.T) {
	root := t.TempDir()
	mtime := time.Unix(1_700_000_000, 123_000_000)
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, mtime, mtime); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("there", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	good := Fact{Path: "file", Mode: 0o100600, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), MTime: mtime, Links: 1}

	tests := []struct {
		name   string
		change func(*Fact)
		want   string // part of the one difference; "" for none
	}{
		{"as it is", func(*Fact) {}, ""},
		{"links left open", func(f *Fact) { f.Links = 0 }, ""},
		{"mode", func(f *Fact) { f.Mode = 0o100644 }, "file: mode 100600, want 100644"},
		{"type", func(f *Fact) { f.Mode = 0o40600 }, "mode"},
		{"owner", func(f *Fact) { f.UID += 7 }, "owner"},
		{"mtime", func(f *Fact) { f.MTime = mtime.Add(1) }, "mtime"},
		{"links", func(f *Fact) { f.Links = 2 }, "links 1, want 2"},
		{"xattr", func(f *Fact) { f.Xattr = "user.demo=yes" }, "xattr user.demo"},
		{"absent", func(f *Fact) { *f = Fact{Path: "file", Absent: true} }, "exists, and should not"},
		{"really absent", func(f *Fact) { *f = Fact{Path: "nothing", Absent: true} }, ""},
		{"missing", func(f *Fact) { f.Path = "nothing" }, "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := good
			test.change(&f)
			got := f.Check(root)
			if test.want == "" && len(got) != 0 {
				t.Errorf("differences %q, want none", got)
			}
			if test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("differences %q, want one with %q", got, test.want)
			}
		})
	}
	link := Fact{Path: "link", Target: "elsewhere"}
	if got := link.Check(root); !strings.Contains(strings.Join(got, "\n"), "target there, want elsewhere") {
		t.Errorf("symlink's differences: %q", got)
	}
}
