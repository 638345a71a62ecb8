package mkext4

import (
	"context"
	"fmt"
	"path/filepath"

	"banger/plugins/internal/e2fsprogs"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

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
	j := &Job{Req: req, builder: builder, label: imagebuild.Label(req)}
	var err error
	if j.Tools, err = e2fsprogs.Find(ctx, tools...); err != nil {
		return nil, err
	}
	j.Tools.Log = func(line string) { req.Log(sdk.LogDebug, "%s", line) }
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

func (j *Job) uuid(purpose string) string {
	u := ext4build.UUID(j.Req, purpose, j.builder)
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
