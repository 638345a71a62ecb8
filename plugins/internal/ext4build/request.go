// Package ext4build is what all builders of ext4 images share, however they
// make them: an option, what names an image, and the words for losses.
package ext4build

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"banger/sdk"
	"banger/sdk/tree"
)

// MediaType of the images.
const MediaType = "application/vnd.banger.image.ext4"

// The option that the builders take.
const (
	labelOption  = "label"
	defaultLabel = "banger-rootfs"
	maxLabel     = 16 // EXT2_LABEL_LEN
)

// Options are the options that all of them take.
func Options() []sdk.Option {
	return []sdk.Option{{
		Name: labelOption, Type: sdk.OptionString, Default: defaultLabel,
		Doc: "volume label, at most 16 bytes; empty for none",
	}}
}

// Label returns the volume label that a request asks for.
func Label(req *sdk.Request) (string, error) {
	label := req.Options.String(labelOption)
	if len(label) > maxLabel || strings.IndexByte(label, 0) >= 0 {
		return "", fmt.Errorf("label %q is not at most %d bytes without NUL", label, maxLabel)
	}
	return label, nil
}

// UUID derives a UUID (RFC 9562, version 8) for a purpose from what the image
// of req is made of by the named builder.
func UUID(req *sdk.Request, purpose, builder string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{"banger ext4", purpose, builder, req.TreeDigest, req.Options.String(labelOption)}, "\x00")))
	u := [16]byte(sum[:])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u
}

// Target returns the index of the entry that carries the attributes of entry
// i: another one for a hardlink.
func Target(t *tree.Tree, i int) int {
	if t.Entries[i].Type == tree.Hardlink {
		return t.Index(t.Entries[i].Target)
	}
	return i
}
