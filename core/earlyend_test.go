package core

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"banger/internal/ocitest"
	tt "banger/internal/tartest"
)

// TestSourceEndsEarly gives layers whose bytes end before the promised size,
// without an error and where nothing else tells: the tar is whole, and so is
// the compressed stream. Nothing of them stays, and the whole image is pulled
// then as if nothing had been.
func TestSourceEndsEarly(t *testing.T) {
	parts := tt.Join(tt.File("a", "one"), tt.File("b", "two"))
	for name, tc := range map[string]struct {
		compression ocitest.Compression
		blob        []byte
		keep        int
	}{
		"plain, without its padding":      {ocitest.Plain, parts, len(parts) - 512},
		"plain, in a body":                {ocitest.Plain, parts, 512 + 2},
		"gzip, without its second member": {ocitest.Gzip, twoStreams(parts, ocitest.Gzip), len(ocitest.Compress(parts, ocitest.Gzip))},
		"zstd, without its second frame":  {ocitest.Zstd, twoStreams(parts, ocitest.Zstd), len(ocitest.Compress(parts, ocitest.Zstd))},
		"nothing at all":                  {ocitest.Plain, parts, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(t)
			whole := ocitest.Layer{Tar: parts, Blob: tc.blob, Compression: tc.compression}
			if tc.compression != ocitest.Plain {
				whole.Tar = append(bytes.Clone(parts), make([]byte, 512)...)
			}
			early := whole
			early.Damage = func(b []byte) []byte { return b[:tc.keep] }
			if p, err := e.Pull(t.Context(), layout(t, early)); err == nil {
				t.Errorf("pulled %+v", p)
			}
			layers := expandAll(t, e, "layers/sha256/*")
			left := expandAll(t, e, "tmp/*/*")
			for _, path := range expandAll(t, e, "blobs/sha256/*") {
				if b, err := os.ReadFile(path); err != nil || bytes.Equal(b, tc.blob[:tc.keep]) {
					left = append(left, path)
				}
			}
			if len(layers)+len(left) > 0 {
				t.Errorf("left: %q", append(layers, left...))
			}
			if _, err := e.Pull(t.Context(), layout(t, whole)); err != nil {
				t.Errorf("the whole image: %v", err)
			}
		})
	}
}

// twoStreams compresses a tar so that a stream ends where the tar does, before
// some more padding.
func twoStreams(tar []byte, c ocitest.Compression) []byte {
	return append(ocitest.Compress(tar, c), ocitest.Compress(make([]byte, 512), c)...)
}

func expandAll(t *testing.T, e *Engine, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(e.Store.Dir(), pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
