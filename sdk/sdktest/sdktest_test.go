package sdktest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"banger/sdk"
	"banger/sdk/sdktest"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// good writes a tar and does nothing wrong. Its fields say what a broken
// builder does otherwise.
type good struct {
	input    sdk.Input
	describe func(*sdk.Description)
	change   func(*sdk.Request, *tree.Tree) *tree.Tree
	build    func(context.Context, *sdk.Request, func() error) error
}

func (g good) Describe(context.Context) (sdk.Description, error) {
	d := sdk.Description{
		Name: "good", Version: "1", Revision: 1, MediaType: "application/x-tar", Input: max(g.input, sdk.InputTree), Deterministic: true,
		Options: []sdk.Option{
			{Name: "label", Type: sdk.OptionString, Doc: "is not used"},
			{Name: "level", Type: sdk.OptionInt, Default: "1", Doc: "is not used"},
			{Name: "mode", Type: sdk.OptionString, Default: "a", Choices: []string{"a", "b"}, Doc: "is not used"},
			{Name: "short", Type: sdk.OptionString, MaxBytes: 8, Doc: "is not used"},
			{Name: "hex", Type: sdk.OptionString, MaxBytes: 8, Pattern: "[0-9a-f]*", Doc: "is not used"},
		},
	}
	if g.describe != nil {
		g.describe(&d)
	}
	return d, nil
}

func (g good) Build(ctx context.Context, req *sdk.Request) error {
	work := func() error { return g.write(ctx, req) }
	if g.build != nil {
		return g.build(ctx, req, work)
	}
	return work()
}

func (g good) write(ctx context.Context, req *sdk.Request) error {
	f, err := os.Create(req.Output)
	if err != nil {
		return err
	}
	if g.input == sdk.InputTar {
		in, err := os.Open(req.TarPath)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { _ = in.Close() })
		defer stop()
		defer in.Close()
		_, err = io.Copy(f, in)
		return errors.Join(err, f.Close(), ctx.Err())
	}
	t, err := req.Tree()
	if err != nil {
		return err
	}
	if g.change != nil {
		t = g.change(req, t)
	}
	return errors.Join(treetar.Write(ctx, f, t, req.Packs()), f.Close())
}

func TestGood(t *testing.T) {
	t.Parallel()
	sdktest.Test(t, good{}, sdktest.Config{})
}

// lean is a tar of one file's contents each, which it leaves to banger; spoil
// does something to the image afterwards.
func lean(spoil func(ctx context.Context, req *sdk.Request, f *os.File) error) good {
	describe := func(d *sdk.Description) { d.MediaType = "application/x-lean" }
	return good{describe: describe, build: func(ctx context.Context, req *sdk.Request, _ func() error) error {
		t, err := req.Tree()
		if err != nil {
			return err
		}
		f, err := os.Create(req.Output)
		if err != nil {
			return err
		}
		defer f.Close()
		at := int64(100)
		if err := f.Truncate(at); err != nil {
			return err
		}
		for i := range t.Entries {
			if e := &t.Entries[i]; e.Type == tree.Regular {
				if err := req.Copy(ctx, f, at, e); err != nil {
					return err
				}
				at += e.Size
			}
		}
		return spoil(ctx, req, f)
	}}
}

func TestGoodThatLeavesBodies(t *testing.T) {
	t.Parallel()
	sdktest.Test(t, lean(func(context.Context, *sdk.Request, *os.File) error { return nil }), sdktest.Config{})
}

func TestGoodThatPlacesBodies(t *testing.T) {
	t.Parallel()
	sdktest.Test(t, lean(place(0, nil)), sdktest.Config{})
}

// place places bodies early in an image that grows afterwards, and then does more.
func place(more int64, then func(*sdk.Request) error) func(context.Context, *sdk.Request, *os.File) error {
	return func(_ context.Context, req *sdk.Request, f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if err := req.Placed(info.Size() + 10); err != nil {
			return err
		}
		err = f.Truncate(info.Size() + 10 + more)
		if then != nil && req.BodiesPath != "" {
			err = errors.Join(err, then(req))
		}
		return err
	}
}

func TestGoodFromTar(t *testing.T) {
	t.Parallel()
	sdktest.Test(t, good{input: sdk.InputTar}, sdktest.Config{})
}

// without returns a copy of a tree without an entry that do does not like.
func without(t *tree.Tree, drop func(*tree.Entry) bool) *tree.Tree {
	c := &tree.Tree{Layers: t.Layers}
	for _, e := range t.Entries {
		if !drop(&e) {
			c.Entries = append(c.Entries, e)
		}
	}
	return c
}

// Each of these builders is good but for one thing, and fails for that.
var broken = []struct {
	name, check, want string
	builder           sdk.Builder
}{
	{"two options of one name", "describe", `two options "label"`, good{describe: func(d *sdk.Description) { d.Options = append(d.Options, d.Options[0]) }}},
	{"a default that it refuses", "describe", "does not take its own default", good{describe: func(d *sdk.Description) { d.Options[1].Default = "many" }}},
	{"a pattern that is none", "describe", `the pattern of its option "hex" is none`, good{describe: func(d *sdk.Description) { d.Options[4].Pattern = "(" }}},
	{"a smallest image that it does not make", "size/least", "an image of 5 bytes, which it says is possible: no room", good{
		describe: func(d *sdk.Description) { d.MinBytes = 5 },
		build: func(_ context.Context, req *sdk.Request, work func() error) error {
			if req.Size.Bytes == 5 {
				return errors.New("no room")
			}
			return work()
		},
	}},
	{"images below its smallest", "size/least", "it says that its images have 1073741824 bytes at least", good{describe: func(d *sdk.Description) { d.MinBytes = 1 << 30 }}},
	{"cannot text of the length that it names", "options/longest", "short with 8 bytes, which it says is possible: too long", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		if len(req.Options.String("short")) > 7 {
			return errors.New("too long")
		}
		return work()
	}}},
	{"a tool without a version", "tools", "has no version", good{describe: func(d *sdk.Description) { d.Tools = []sdk.Tool{{Name: "true", Path: "/bin/true"}} }}},
	{"another description each time", "describe-again", "differently the second time", good{describe: func(d *sdk.Description) { d.Version = time.Now().String() }}},
	{"drops devices silently", "tree/devices", `"dev/null": missing`, good{change: func(_ *sdk.Request, t *tree.Tree) *tree.Tree {
		return without(t, func(e *tree.Entry) bool { return e.Type == tree.CharDevice || e.Type == tree.BlockDevice })
	}}},
	{"has everything belong to root", "tree/owners-and-modes", `"owner1": `, good{change: func(_ *sdk.Request, t *tree.Tree) *tree.Tree {
		c := without(t, func(*tree.Entry) bool { return false })
		for i := range c.Entries {
			c.Entries[i].UID, c.Entries[i].GID = 0, 0
		}
		return c
	}}},
	{"loses what is not there", "tree/empty", `lost something at "no/such"`, good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		req.Lose(sdk.Loss{Path: "no/such", Field: "mode", Why: "a test"})
		return work()
	}}},
	{"leaves no image", "tree/empty", "left no image", good{build: func(context.Context, *sdk.Request, func() error) error { return nil }}},
	{"leaves a symlink", "tree/empty", "no regular file", good{build: func(_ context.Context, req *sdk.Request, _ func() error) error {
		return os.Symlink("/etc/passwd", req.Output)
	}}},
	{"writes beside its output", "tree/empty", "it made image.log", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		return errors.Join(work(), os.WriteFile(req.Output+".log", nil, 0o600))
	}}},
	{"changes its input", "tree/empty", "the tree is not what it was", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		return errors.Join(work(), os.Chmod(req.TreePath, 0o600), os.WriteFile(req.TreePath, []byte("mine"), 0o600))
	}}},
	{"cannot mode b", "options/good", "mode=b: no mode b", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		if req.Options.String("mode") == "b" {
			return errors.New("no mode b")
		}
		return work()
	}}},
	{"panics at a negative level", "options/odd", "level=\"-1\": panic: ", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		_ = make([]byte, req.Options.Int("level"))
		return work()
	}}},
	{"fails at an odd level", "options/odd", "level=\"-1\": it refuses what a user may ask for with another error", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		if req.Options.Int("level") < 0 {
			return errors.New("no such level")
		}
		return work()
	}}},
	{"fails at few inodes", "size/odd", "an image of 0 bytes and 1 inodes, 0 being as many as it takes: it refuses what a user may ask for", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		if req.Size.Inodes == 1 {
			return errors.New("too few inodes")
		}
		return work()
	}}},
	{"notes the time", "equal-bytes", "differ, first at byte", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		if err := work(); err != nil {
			return err
		}
		f, err := os.OpenFile(req.Output, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(time.Now().String())
		return errors.Join(err, f.Close())
	}}},
	{"sums up what it has not written", "bodies", "differs from one that is built whole", lean(func(_ context.Context, _ *sdk.Request, f *os.File) error {
		sum := byte(0)
		b, err := os.ReadFile(f.Name())
		for _, x := range b {
			sum += x
		}
		_, writeErr := f.WriteAt([]byte{sum}, 0)
		return errors.Join(err, writeErr)
	})},
	{"has another image in the end", "bodies", "another file than the one", lean(func(_ context.Context, req *sdk.Request, _ *os.File) error {
		return errors.Join(os.Remove(req.Output), os.WriteFile(req.Output, []byte("image"), 0o600))
	})},
	{"has another size in the end", "bodies", "and it says", lean(place(1, nil))},
	{"changes its list in the end", "bodies", "it changes its list", lean(place(0, func(req *sdk.Request) error {
		return os.WriteFile(req.BodiesPath, nil, 0o600)
	}))},
	{"says twice that its list is complete", "bodies", "it says twice", lean(place(0, func(req *sdk.Request) error {
		req.Events.Placed(0)
		req.Events.Placed(0)
		return nil
	}))},
	{"says that there is a list", "bodies", "no such file", good{build: func(_ context.Context, req *sdk.Request, work func() error) error {
		req.Events.Placed(0)
		return work()
	}}},
	{"leaves contents twice", "bodies", "over another one", lean(func(ctx context.Context, req *sdk.Request, f *os.File) error {
		t, err := req.Tree()
		for i := range t.Entries {
			if e := &t.Entries[i]; e.Type == tree.Regular {
				err = errors.Join(err, req.Copy(ctx, f, 100, e))
			}
		}
		return err
	})},
	{"panics when cancelled", "cancel", "panic: ", good{build: func(ctx context.Context, req *sdk.Request, work func() error) error {
		req.Log(sdk.LogInfo, "at work")
		if ctx.Err() != nil {
			panic("what now?")
		}
		return work()
	}}},
	{"does not look whether writing worked", "disk-full", "it reported success", good{build: func(ctx context.Context, req *sdk.Request, _ func() error) error {
		t, err := req.Tree()
		if err != nil {
			return err
		}
		var tar bytes.Buffer
		if err := treetar.Write(ctx, &tar, t, req.Packs()); err != nil {
			return err
		}
		f, err := os.Create(req.Output)
		if err != nil {
			return err
		}
		_, _ = f.Write(tar.Bytes())
		return f.Close()
	}}},
}

func TestBroken(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.check == "disk-full" && os.Getuid() != 0 {
				t.Skip("needs root, to mount a small filesystem")
			}
			found := false
			passed, err := sdktest.Run(t.Context(), sdktest.InProcess(c.builder), sdktest.Config{Dir: t.TempDir(), Only: []string{c.check}}, func(r sdktest.Result) {
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

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sdktest.Run(t.Context(), sdktest.InProcess(good{}), sdktest.Config{Dir: dir, Only: []string{"tree/"}}, func(sdktest.Result) {}); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
}
