// Package buildertest is what the tests of the bundled builders share: bytes
// that must not change unnoticed, and the kernel as a judge.
package buildertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"

	"banger/sdk"
	"banger/sdk/sdktest"
)

// Golden fails when b does not build at this revision the bytes that are noted.
// Whoever changes the bytes raises the revision, too: what bundled builders
// have built is kept under that. Goldens has the SHA-256 of the images of the
// kit's trees, one after the other, by version of the builder's tool, "" for a
// builder without. Another version has another key, and its bytes are logged.
func Golden(t *testing.T, b sdk.Builder, revision uint32, goldens map[string]string) {
	t.Helper()
	d, err := b.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version := ""
	if len(d.Tools) > 0 {
		version = d.Tools[0].Version
	}
	got := digest(t, b)
	want, known := goldens[version]
	switch {
	case d.Revision != revision:
		t.Errorf("revision %d has with %q the bytes %s: note them", d.Revision, version, got)
	case !known && len(d.Tools) > 0:
		t.Logf("no bytes of %q are noted; they are %s", version, got)
	case got != want:
		t.Errorf("revision %d has with %q the bytes %s and had %s: give it a new revision", revision, version, got, want)
	}
}

// digest returns the SHA-256 of the images of the kit's trees, in hexadecimal.
func digest(t *testing.T, b sdk.Builder) string {
	t.Helper()
	h := &hasher{Host: sdktest.InProcess(b)}
	passed, err := sdktest.Run(t.Context(), h, sdktest.Config{Dir: t.TempDir(), Only: []string{"tree/"}}, func(r sdktest.Result) {
		if r.Err != nil || r.Skipped != "" {
			t.Error(r)
		}
	})
	if err != nil || !passed {
		t.Fatalf("build the kit's trees: %v", err)
	}
	return hex.EncodeToString(h.sum[:])
}

// hasher hashes every image that is built, together with the hash of those
// before.
type hasher struct {
	sdktest.Host
	sum [sha256.Size]byte
}

// Build implements sdktest.Host.
func (h *hasher) Build(ctx context.Context, req *sdk.Request) error {
	if err := h.Host.Build(ctx, req); err != nil {
		return err
	}
	f, err := os.Open(req.Output)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	sum.Write(h.sum[:])
	_, err = io.Copy(sum, f)
	sum.Sum(h.sum[:0])
	return err
}
