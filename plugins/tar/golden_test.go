package tar_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"banger/plugins/tar"
	"banger/sdk"
	"banger/sdk/sdktest"
)

// golden is the SHA-256 of the images of the kit's trees, one after the other.
const golden = "3c1e61381f9685d8fd5516d18994c692bfa99d67df74a3fd004247606daf0065"

// Whoever changes the bytes raises the revision, too: what bundled builders
// have built is kept under that.
func TestGolden(t *testing.T) {
	t.Parallel()
	h := &hasher{Host: sdktest.InProcess(tar.New())}
	if _, err := sdktest.Run(t.Context(), h, sdktest.Config{Dir: t.TempDir(), Only: []string{"tree/"}}, func(sdktest.Result) {}); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.sum[:]); tar.Revision != 1 || got != golden {
		t.Errorf("revision %d has the bytes %s", tar.Revision, got)
	}
}

// hasher hashes every image that is built.
type hasher struct {
	sdktest.Host
	sum [sha256.Size]byte
}

func (h *hasher) Build(ctx context.Context, req *sdk.Request) error {
	if err := h.Host.Build(ctx, req); err != nil {
		return err
	}
	image, err := os.ReadFile(req.Output)
	if err != nil {
		return err
	}
	h.sum = sha256.Sum256(append(h.sum[:], image...))
	return nil
}
