package buildtest

import (
	"testing"

	"banger/internal/buildertest"
	"banger/internal/need"
	"banger/sdk/sdktest"
)

// The bundled builders pass the kit that other builders are held to, with the
// kernel to look into their images.
func TestConformance(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	for name, b := range builders {
		t.Run(name, func(t *testing.T) {
			sdktest.Test(t, b, sdktest.Config{Mount: buildertest.Mount})
		})
	}
}
