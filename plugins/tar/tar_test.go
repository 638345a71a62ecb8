package tar_test

import (
	"testing"

	"banger/plugins/tar"
	"banger/sdk/sdktest"
)

// The kit reads every tar back and holds it against its tree.
func TestConformance(t *testing.T) {
	t.Parallel()
	sdktest.Test(t, tar.New(), sdktest.Config{})
}
