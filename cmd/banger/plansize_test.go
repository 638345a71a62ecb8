package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// TestPlannedSize builds with what plan was asked about, and wants the size
// that it named, whatever options and sizes are asked for.
func TestPlannedSize(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin, dir := bangertest.Binary(t), t.TempDir()
	for _, kind := range []string{"good", "mixed"} {
		if err := writeImage(filepath.Join(dir, kind), kind); err != nil {
			t.Fatal(err)
		}
	}
	banger := func(args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bin, append(args, "--store", filepath.Join(dir, "store"), "--quiet", "--json")...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("banger %s: %v", strings.Join(args, " "), err)
		}
		return out
	}
	sizes := []string{"", "--size 96M", "--size 100000001", "--free 40%", "--free 90M", "--inodes 70000"}
	options := map[string][]string{
		"e2fs":    {"", "--opt label=x"},
		"debugfs": {""},
		"erofs":   {"", "--opt label=x"},
		"ext4":    {"", "--opt journal=none", "--opt journal=16M --opt reserved=30", "--opt features=^metadata_csum,^64bit,^resize_inode", "--opt lost-found=false"},
	}
	for name := range sizePlanners {
		for _, opts := range options[name] {
			for i, size := range sizes {
				image := []string{"oci:good", "oci:mixed"}[i%2]
				args := slices.Concat([]string{image, "--builder", name}, strings.Fields(opts), strings.Fields(size))
				banger("pull", image)
				var planned struct{ Size struct{ Bytes int64 } }
				var built struct{ Size int64 }
				unmarshal(t, banger(append([]string{"plan"}, args...)...), &planned)
				unmarshal(t, banger(append([]string{"build"}, args...)...), &built)
				if built.Size == 0 || planned.Size.Bytes != built.Size {
					t.Errorf("%s: planned %d bytes, built %d", strings.Join(args, " "), planned.Size.Bytes, built.Size)
				}
			}
		}
		if len(options[name]) == 0 {
			t.Errorf("%s plans and is not tested", name)
		}
	}
}

func unmarshal(t *testing.T, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}
