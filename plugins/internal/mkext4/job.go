package mkext4

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"

	"banger/plugins/internal/e2fsprogs"
	"banger/sdk"
	"banger/sdk/tree"
)

// The option that the builders take.
const (
	labelOption  = "label"
	defaultLabel = "banger-rootfs"
	maxLabel     = 16 // EXT2_LABEL_LEN
)

// Options are the options that both builders take.
func Options() []sdk.Option {
	return []sdk.Option{{
		Name: labelOption, Type: sdk.OptionString, Default: defaultLabel,
		Doc: "volume label, at most 16 bytes; empty for none",
	}}
}

// Job is one image being made. Its fields are read-only.
type Job struct {
	Req   *sdk.Request
	Tree  *tree.Tree
	Tools e2fsprogs.Tools
	Image string // absolute
	Dir   string // absolute

	builder, label string
}

func newJob(ctx context.Context, req *sdk.Request, builder string, tools []string) (*Job, error) {
	j := &Job{Req: req, builder: builder}
	var err error
	if j.label, err = Label(req); err != nil {
		return nil, fmt.Errorf("check options: %w", err)
	}
	if j.Tools, err = e2fsprogs.Find(ctx, tools...); err != nil {
		return nil, err
	}
	if j.Tree, err = req.Tree(); err != nil {
		return nil, err
	}
	if err := check(j.Tree); err != nil {
		return nil, err
	}
	if j.Image, err = filepath.Abs(req.Output); err != nil {
		return nil, fmt.Errorf("find output: %w", err)
	}
	if j.Dir, err = filepath.Abs(req.Dir); err != nil {
		return nil, fmt.Errorf("find staged directory: %w", err)
	}
	return j, nil
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

func (j *Job) uuid(purpose string) string {
	u := UUID(j.Req, purpose, j.builder)
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
