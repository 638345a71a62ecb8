package mkext4

import (
	"errors"
	"fmt"

	"banger/internal/hint"
	"banger/plugins/internal/e2fsprogs"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
)

// errShort is the error about an image with less free room than promised.
type errShort struct{ missing, free int64 }

func (e errShort) Error() string {
	return fmt.Sprintf("%d blocks of 4 KiB are free, %d fewer than planned", e.free, e.missing)
}

// isShort reports whether err tells that the image is too small, and how many
// blocks are missing, if that is known.
func isShort(err error) (missing int64, short bool) {
	if e, ok := errors.AsType[errShort](err); ok {
		return e.missing, true
	}
	return 0, errors.Is(err, e2fsprogs.ErrFull)
}

// tooSmall says what to do about an image that is too small, of a size that may
// be the user's own, and leaves other errors alone.
func tooSmall(err error, p ext4size.Plan) error {
	missing, short := isShort(err)
	if !short {
		return err
	}
	larger := p.Larger(missing)
	err = fmt.Errorf("make ext4 image of %d bytes and %d inodes: %w", p.Bytes, p.Inodes, err)
	if !p.Auto {
		err = sdk.Invalid(err)
	}
	return hint.With(err, fmt.Sprintf("ask for a size of %dM and %d inodes", larger.Bytes>>20, larger.Inodes))
}
