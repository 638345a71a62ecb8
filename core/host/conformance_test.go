package host

import (
	"context"
	"strings"
	"testing"

	"banger/sdk"
	"banger/sdk/sdktest"
)

// tested is a builder as the conformance kit sees it.
type tested struct {
	host  *Host
	name  string
	found *Builder
}

func (b *tested) Describe(ctx context.Context) (d sdk.Description, err error) {
	if b.found, err = b.host.Find(ctx, b.name); err != nil {
		return d, err
	}
	return b.found.Description, nil
}

func (b *tested) Build(ctx context.Context, req *sdk.Request) error {
	return b.host.Build(ctx, b.found, req)
}

// What only a host can see of a builder gets into the kit's report.
func TestConformanceOfProcesses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, check, want string }{
		{"prints", "stdout", "printed to standard output"},
		{"ignores-cancel", "cancel", "had to be killed"},
		{"is-killed", "tree/empty", "signal: killed"},
		{"slow-describe", "describe", "did not answer in time"},
		{"bad-magic", "tree/empty", "is no application/vnd.banger.image.ext4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := impatient(install(t, c.name))
			found := false
			passed, err := sdktest.Run(t.Context(), &tested{host: h, name: c.name}, sdktest.Config{Dir: t.TempDir(), Only: []string{c.check, "tree/empty"}}, func(r sdktest.Result) {
				found = found || r.Name == c.check && r.Err != nil && strings.Contains(r.Err.Error(), c.want)
				if r.Err != nil {
					t.Log(r)
				}
			})
			if err != nil || passed || !found {
				t.Errorf("passed %v, %v; want %s to fail with %q", passed, err, c.check, c.want)
			}
		})
	}
}
