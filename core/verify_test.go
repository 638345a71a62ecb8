package core

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/cas"
)

// TestVerifyNamesAndMends damages every file below a glob. Verify names the
// image, and after a repair and a build the store is sound.
func TestVerifyNamesAndMends(t *testing.T) {
	store, want := storeAfter(t, "pull", "tree", "export", "build", "lean")
	for glob, kinds := range map[string][]string{
		"layers/sha256/*/pack":             {"layer", "layer"},
		"layers/sha256/*/index":            {"layer", "layer"},
		"blobs/sha256/*":                   {"blob", "blob", "blob", "blob", "blob"},
		"artifacts/sha256/*/image":         {"artifact", "artifact"},
		"artifacts/sha256/*/bodies":        {"artifact"},
		"artifacts/sha256/*/manifest.json": {"artifact", "artifact"},
	} {
		t.Run(strings.ReplaceAll(glob, "/", " "), func(t *testing.T) {
			dir := t.TempDir()
			if err := copyStore(store, dir); err != nil {
				t.Fatal(err)
			}
			e, err := openEngine(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			rot(t, filepath.Join(dir, glob))
			var found []string
			for _, f := range verifyStore(t, e, true) {
				if f.Verdict == cas.Damaged {
					found = append(found, f.Kind)
				}
				// A damaged config hides which layers are the image's.
				if len(f.Images) == 0 && f.Digest != "" && glob != "blobs/sha256/*" {
					t.Errorf("%s %s: of no image", f.Kind, f.Digest)
				}
				if !f.Mended || f.Kept != nil {
					t.Errorf("%s %s stays: %v", f.Kind, f.Digest, f.Kept)
				}
			}
			if !slices.Equal(found, kinds) {
				t.Errorf("found %q", found)
			}
			if left := verifyStore(t, e, false); len(left) > 0 {
				t.Errorf("after the repair: %+v", left)
			}
			for name, command := range commandsOf(&want, false) {
				if err := command(t.Context(), e); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if left := verifyStore(t, e, false); len(left) > 0 {
				t.Errorf("after the builds: %+v", left)
			}
		})
	}
}

// TestVerifySeesStrayBytesInPacks changes what lies between two bodies.
func TestVerifySeesStrayBytesInPacks(t *testing.T) {
	store, _ := realStore(t)
	var gap string
	for _, path := range expand(t, filepath.Join(store, "layers/sha256/*/pack")) {
		if info, err := os.Stat(path); err == nil && info.Size() > 4096 {
			gap = path // "one", then zeros to the next block, then a large body
		}
	}
	b, err := os.ReadFile(gap)
	if err != nil {
		t.Fatal(err)
	}
	b[100] = 1
	if err := errors.Join(os.Chmod(gap, 0o600), os.WriteFile(gap, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	e, err := openEngine(t, store)
	if err != nil {
		t.Fatal(err)
	}
	if f := verifyStore(t, e, false); len(f) != 1 || f[0].Kind != "layer" {
		t.Errorf("%+v", f)
	}
}

// TestVerifyKnowsLayersApart puts one sound layer in the place of another.
func TestVerifyKnowsLayersApart(t *testing.T) {
	store, want := realStore(t)
	layers := expand(t, filepath.Join(store, "layers/sha256/*"))
	if err := errors.Join(os.RemoveAll(layers[1]), os.CopyFS(layers[1], os.DirFS(layers[0]))); err != nil {
		t.Fatal(err)
	}
	e, err := openEngine(t, store)
	if err != nil {
		t.Fatal(err)
	}
	f := verifyStore(t, e, false)
	if !slices.ContainsFunc(f, func(f Finding) bool {
		return f.Kind == "layer" && f.Verdict == cas.Damaged && f.Mended && f.Digest.Encoded() == filepath.Base(layers[1])
	}) {
		t.Errorf("%+v", f)
	}
	for name, command := range commandsOf(&want, false) {
		if name == "lean" || name == "relean" {
			continue // was not built before
		}
		if err := command(t.Context(), e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func verifyStore(t *testing.T, e *Engine, repair bool) []Finding {
	t.Helper()
	v, err := e.Verify(t.Context(), repair)
	if err != nil {
		t.Fatal(err)
	}
	return v.Findings
}
