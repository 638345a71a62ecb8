package tar_test

import (
	"testing"

	"banger/internal/buildertest"
	"banger/plugins/tar"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	buildertest.Golden(t, tar.New(), 1, map[string]string{"": "3c1e61381f9685d8fd5516d18994c692bfa99d67df74a3fd004247606daf0065"})
}
