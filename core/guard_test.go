package core

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"banger/core/host"
)

// meddle turns the bits of a file's last byte around.
func meddle(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, fi.Size()-1); err != nil {
		return errors.Join(err, f.Close())
	}
	last[0] ^= 0xff
	_, err = f.WriteAt(last, fi.Size()-1)
	return errors.Join(err, f.Close())
}

// What a builder does to its input fails its build, and harms nobody else's.
func TestBuilderThatChangesItsInput(t *testing.T) {
	for _, name := range []string{"meddles-tree", "meddles-pack"} {
		t.Run(name, func(t *testing.T) {
			e, _ := withFakes(t)
			im := twoLayers(t)
			var want bytes.Buffer
			if err := e.Export(t.Context(), im, &want); err != nil {
				t.Fatal(err)
			}
			_, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: name})
			if !errors.Is(err, host.ErrBuilder) || !errors.Is(err, errMeddled) {
				t.Errorf("error is %v", err)
			}
			out := filepath.Join(t.TempDir(), "out")
			if _, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree", Output: out}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d bytes, want %d; %v", len(got), want.Len(), err)
			}
		})
	}
}
