package mkfssquashfs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"banger/internal/need"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/sdk"
	"banger/sdk/sdktest"
)

// goldens are, by version of the tool, the SHA-256 of the images of the kit's
// trees, one after the other.
var goldens = map[string]string{
	"tar2sqfs (squashfs-tools-ng) 1.2.0": "76ec11e28d08a92e748ff250cada2c48cbaca3b8ad484ae13ee31a016b86de1d",
}

// Whoever changes the bytes raises the revision, too: what bundled builders
// have built is kept under that.
func TestGolden(t *testing.T) {
	t.Parallel()
	need.Tool(t, "tar2sqfs", "squashfs-tools-ng")
	b := mkfssquashfs.New()
	d, err := b.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	golden, known := goldens[d.Tools[0].Version]
	if !known { // another version, another key
		t.Logf("no golden bytes of %q", d.Tools[0].Version)
	}
	h := &hasher{Host: sdktest.InProcess(b)}
	if _, err := sdktest.Run(t.Context(), h, sdktest.Config{Dir: t.TempDir(), Only: []string{"tree/"}}, func(sdktest.Result) {}); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.sum[:]); mkfssquashfs.Revision != 1 || known && got != golden {
		t.Errorf("revision %d has with %q the bytes %s", mkfssquashfs.Revision, d.Tools[0].Version, got)
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
