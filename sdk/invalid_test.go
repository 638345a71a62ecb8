package sdk_test

import (
	"errors"
	"io/fs"
	"testing"

	"banger/internal/hint"
	"banger/sdk"
)

func TestInvalid(t *testing.T) {
	if err := sdk.Invalid(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	err := sdk.Invalid(sdk.WithHint(fs.ErrNotExist, "ask for less"))
	if !errors.Is(err, sdk.ErrInvalid) || !errors.Is(err, fs.ErrNotExist) || hint.Of(err) != "ask for less" || err.Error() != fs.ErrNotExist.Error() {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
	for _, kind := range []error{sdk.ErrOption, sdk.ErrSize} {
		if !errors.Is(kind, sdk.ErrInvalid) {
			t.Errorf("%v is not invalid", kind)
		}
	}
	if errors.Is(sdk.ErrOption, sdk.ErrSize) {
		t.Error("an option is a size")
	}
}
