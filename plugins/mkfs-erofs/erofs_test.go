package mkfserofs_test

import (
	"testing"

	"banger/internal/buildertest"
	"banger/internal/need"
	mkfserofs "banger/plugins/mkfs-erofs"
	"banger/sdk/sdktest"
)

// The kit has the kernel list every image, and holds it against its tree.
func TestConformance(t *testing.T) {
	need.Root(t)
	need.Filesystem(t, "erofs")
	sdktest.Test(t, mkfserofs.New(), sdktest.Config{Mount: buildertest.Mount})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	buildertest.Golden(t, mkfserofs.New(), 1, map[string]string{"": "0a0d503b137bf2778f93830c07baa29cc84f125c8214eafbe398c274805fa20d"})
}
