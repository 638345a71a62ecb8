package flatten_test

import (
	"os"
	"testing"

	"banger/internal/need"
)

func TestMain(m *testing.M) {
	need.PrivateMounts()
	os.Exit(m.Run())
}
