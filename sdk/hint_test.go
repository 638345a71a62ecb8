package sdk_test

import (
	"errors"
	"testing"

	"banger/internal/hint"
	"banger/sdk"
)

func TestWithHint(t *testing.T) {
	err := sdk.WithHint(errors.New("no mkfs.wibble"), "install wibble-progs")
	if got := hint.Of(err); got != "install wibble-progs" || err.Error() != "no mkfs.wibble" {
		t.Errorf("error %q, hint %q", err, got)
	}
	if err := sdk.WithHint(nil, "install wibble-progs"); err != nil {
		t.Errorf("no error became %v", err)
	}
}
