package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"banger/demo/internal/fact"
)

// writeDemo runs the command with a made-up init, into dir/demo-oci.
func writeDemo(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "init")
	if err := os.WriteFile(program, []byte("\x7fELF of an init"), 0o755); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "demo-oci")
	if err := run(program, "amd64", out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLayoutIsValid(t *testing.T) {
	index, err := layout.ImageIndexFromPath(writeDemo(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
}

func TestEveryUserReadsTheLayout(t *testing.T) {
	err := filepath.WalkDir(writeDemo(t, t.TempDir()), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o044 != 0o044 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEqualInputGivesEqualDigests(t *testing.T) {
	var digests []v1.Hash
	for range 2 {
		index, err := layout.ImageIndexFromPath(writeDemo(t, t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("two runs gave %v", digests)
	}
}

func TestReplacesOnlyALayout(t *testing.T) {
	dir := t.TempDir()
	out := writeDemo(t, dir)
	old := filepath.Join(out, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	writeDemo(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an older layout's file is still there: %v", err)
	}

	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(filepath.Join(dir, "init"), "amd64", home); err == nil || !strings.Contains(err.Error(), "no OCI layout") {
		t.Errorf("run over a directory that is no layout: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFactsCoverBothLayers(t *testing.T) {
	lower, upper := lowerEntries([]byte("init")), upperEntries()
	list, err := fact.ReadAll(strings.NewReader(facts(lower, upper).body))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]fact.Fact{}
	for _, f := range list {
		if _, twice := seen[f.Path]; twice {
			t.Errorf("%s has two facts", f.Path)
		}
		seen[f.Path] = f
	}
	for path, absent := range map[string]bool{"etc/removed": true, "srv/second": true, "srv/first": false, "usr/sbin/init": false, "sbin/telinit": false} {
		if f, ok := seen[path]; !ok || f.Absent != absent {
			t.Errorf("%s: fact %v, want absent %v", path, f, absent)
		}
	}
	if _, ok := seen["dev/null"]; ok {
		t.Error("/dev is the kernel's, and has a fact")
	}
}
