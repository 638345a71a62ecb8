// Package imagebuild is what builders of filesystem images share, whatever the
// filesystem: options, what names an image, and the words for losses.
package imagebuild

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"banger/sdk"
	"banger/sdk/tree"
)

// The options that name an image.
const (
	labelOption  = "label"
	defaultLabel = "banger-rootfs"
	maxLabel     = 16 // EXT2_LABEL_LEN, and erofs's volume_name
	uuidOption   = "uuid"
)

// LabelOption is the volume label, for [Label].
func LabelOption() sdk.Option {
	return sdk.Option{
		Name: labelOption, Type: sdk.OptionString, Default: defaultLabel, MaxBytes: maxLabel,
		Doc: "volume label; empty for none",
	}
}

// Label returns the volume label that a request asks for.
func Label(req *sdk.Request) string { return req.Options.String(labelOption) }

// UUIDOption is the filesystem's UUID, for [UUID].
func UUIDOption() sdk.Option {
	return sdk.Option{
		Name: uuidOption, Type: sdk.OptionString, Pattern: "|([0-9A-Fa-f]-?){32}",
		Doc: "the filesystem's UUID; empty for one derived from the content and the other options",
	}
}

// UUID returns the UUID that a request asks for in its text form (RFC 9562), or
// else otherwise.
func UUID(req *sdk.Request, otherwise [16]byte) [16]byte {
	b, err := hex.DecodeString(strings.ReplaceAll(req.Options.String(uuidOption), "-", ""))
	if err != nil || len(b) != len(otherwise) { // none is asked for: the option has a pattern
		return otherwise
	}
	return [16]byte(b)
}

// DeriveUUID derives a UUID (RFC 9562, version 8) for a purpose from what the
// image of req, a filesystem of the format, is made of by the named builder.
func DeriveUUID(req *sdk.Request, format, purpose, builder string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{"banger " + format, purpose, builder, req.TreeDigest, req.Options.String(labelOption)}, "\x00")))
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
