package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzVersion: no other file than ours makes a directory a store of ours.
func FuzzVersion(f *testing.F) {
	for _, seed := range []string{version, "", "banger store 1", "banger store 2\n", version + version, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "VERSION"), b, 0o600))
		found, err := hasVersion(dir)
		if found != (string(b) == version) || found != (err == nil) {
			t.Errorf("%q: %v, %v", b, found, err)
		}
		if err != nil && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %v", b, err)
		}
	})
}

// FuzzVerifyLayout has any bytes in the files that other programs may write,
// and wants them found sound or set aside, and a usable store afterwards.
func FuzzVerifyLayout(f *testing.F) {
	f.Add([]byte(ociLayout), []byte(emptyIndex))
	f.Add([]byte(`{"imageLayoutVersion":"9"}`), []byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:x"},{"digest":7}]}`))
	f.Add([]byte(``), []byte(`{"schemaVersion":2,"manifests":[null]}`))
	f.Add([]byte(`[`), []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"a","size":-1,"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]}`))
	f.Fuzz(func(t *testing.T, layout, index []byte) {
		s := openTest(t, t.TempDir())
		must(t, os.WriteFile(s.path("oci-layout"), layout, 0o600))
		must(t, os.WriteFile(s.path("index.json"), index, 0o600))
		v := verify(t, s)
		must(t, s.Mend(t.Context(), v.Problems))
		if v := verify(t, s); len(v.Problems) > 0 {
			t.Errorf("%q", describe(v))
		}
		if _, err := s.readIndex(); err != nil {
			t.Error(err)
		}
	})
}
