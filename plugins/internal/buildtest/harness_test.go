package buildtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"banger/core/stage"
	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	mkfsdebugfs "banger/plugins/mkfs-debugfs"
	mkfse2fs "banger/plugins/mkfs-e2fs"
	mkfserofs "banger/plugins/mkfs-erofs"
	mkfsext4 "banger/plugins/mkfs-ext4"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/sdk"
	"banger/sdk/tree"
)

// builders are those of ext4 images, and others those of other filesystems, by
// their names.
var (
	builders = map[string]sdk.Builder{"e2fs": mkfse2fs.New(), "debugfs": mkfsdebugfs.New(), "ext4": mkfsext4.New()}
	others   = map[string]sdk.Builder{"erofs": mkfserofs.New(), "squashfs": mkfssquashfs.New()}
)

// builderNamed returns one of them.
func builderNamed(name string) sdk.Builder {
	if b := others[name]; b != nil {
		return b
	}
	return builders[name]
}

// needFor needs what a builder runs, and what checks and mounts its images.
func needFor(t *testing.T, builder string) {
	t.Helper()
	switch builder {
	case "erofs":
		need.Tool(t, "fsck.erofs", "erofs-utils")
		need.Filesystem(t, "erofs")
	case "squashfs":
		need.Tool(t, "tar2sqfs", "squashfs-tools-ng")
		need.Filesystem(t, "squashfs")
	default:
		need.Tool(t, "mkfs.ext4", "e2fsprogs")
	}
}

// check has an image checked by its filesystem's own tool, which squashfs has
// not.
func check(t *testing.T, builder, image string) {
	t.Helper()
	switch builder {
	case "erofs":
		need.Run(t, need.Tool(t, "fsck.erofs", "erofs-utils"), image)
	case "squashfs":
	default:
		ext4test.Fsck(t, image)
	}
}

// withTools are the builders that run e2fsprogs on a staged directory.
var withTools = []string{"e2fs", "debugfs"}

// events keeps what a builder says.
type events struct {
	mu     sync.Mutex
	warned []string
	losses []sdk.Loss
	placed []int64
}

func (e *events) Placed(size int64) { e.placed = append(e.placed, size) }

func (e *events) Progress(sdk.Progress) {}

func (e *events) Log(level sdk.LogLevel, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if level == sdk.LogWarn {
		e.warned = append(e.warned, text)
	}
}

func (e *events) Lose(losses []sdk.Loss) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.losses = append(e.losses, losses...)
}

// built is a finished image.
type built struct {
	image  string
	losses []sdk.Loss
	warned []string
	placed []int64
}

// job is one build for run.
type job struct {
	builder string
	dir     string // a new or empty directory for everything
	tree    *tree.Tree
	packs   *treetest.Packs
	size    sdk.SizePlan
	options sdk.Options
	spoil   func(staged string) // changes the staged directory
	output  string              // "" for one in dir
	lean    bool                // contents may be left to banger
}

// run builds as a host does, with a staged directory for the builders that
// want one.
func run(ctx context.Context, j job) (built, error) {
	b := builderNamed(j.builder)
	d, err := b.Describe(ctx)
	if err != nil {
		return built{}, err
	}
	options, err := d.CheckOptions(j.options)
	if err != nil {
		return built{}, err
	}
	var e events
	req := &sdk.Request{
		TreePath: filepath.Join(j.dir, "tree"), Dir: filepath.Join(j.dir, "root"), Scratch: filepath.Join(j.dir, "scratch"),
		StagingLossesPath: filepath.Join(j.dir, "losses"), Output: filepath.Join(j.dir, "image"),
		Options: options, Size: j.size, Events: &e,
	}
	if j.output != "" {
		req.Output = j.output
	}
	if j.lean {
		req.BodiesPath = filepath.Join(j.dir, "bodies")
	}
	for _, dir := range []string{req.Dir, req.Scratch} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return built{}, err
		}
	}
	if req.TreeDigest, err = writeTree(req.TreePath, j.tree); err != nil {
		return built{}, err
	}
	if d.Input == sdk.InputTree {
		for range j.tree.Layers {
			req.PackPaths = append(req.PackPaths, fmt.Sprintf("/proc/self/fd/%d", j.packs.File.Fd()))
		}
	} else if err := stageFor(ctx, j, req, d.Staging); err != nil {
		return built{}, err
	}
	err = errors.Join(b.Build(ctx, req), req.Close())
	runtime.KeepAlive(j.packs) // what PackPaths name
	return built{req.Output, e.losses, e.warned, e.placed}, err
}

func stageFor(ctx context.Context, j job, req *sdk.Request, how sdk.Staging) error {
	losses, err := stage.Dir(ctx, j.tree, j.packs, req.Dir, how, nil)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := sdk.WriteLosses(&buf, losses); err != nil {
		return err
	}
	if err := os.WriteFile(req.StagingLossesPath, buf.Bytes(), 0o600); err != nil {
		return err
	}
	if j.spoil != nil {
		j.spoil(req.Dir)
	}
	return nil
}

func writeTree(path string, t *tree.Tree) (digest string, err error) {
	var buf bytes.Buffer
	if _, err := t.WriteTo(&buf); err != nil {
		return "", err
	}
	sum := sha256.Sum256(buf.Bytes())
	return "sha256:" + hex.EncodeToString(sum[:]), os.WriteFile(path, buf.Bytes(), 0o644)
}

// build is run for a build that must succeed, and has the result checked.
func build(t *testing.T, j job) built {
	t.Helper()
	needFor(t, j.builder)
	if j.dir == "" {
		j.dir = t.TempDir()
	}
	b, err := run(t.Context(), j)
	if err != nil {
		t.Fatalf("build with %s: %v", j.builder, err)
	}
	check(t, j.builder, b.image)
	return b
}

// sameAsTree has the kernel list the image and compares it with the tree.
func sameAsTree(t *testing.T, image string, want *tree.Tree, o fstree.Options) {
	t.Helper()
	got, err := fstree.List(t.Context(), ext4test.Mount(t, image), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range fstree.Diff(fstree.FromTree(want, o), got, 20) {
		t.Error(line)
	}
}

// lossLines are losses as sorted text.
func lossLines(losses []sdk.Loss) string {
	lines := make([]string, len(losses))
	for i, l := range losses {
		lines[i] = fmt.Sprintf("%q %s: %q, not %q (%s)", l.Path, l.Field, l.Got, l.Wanted, l.Why)
	}
	return strings.Join(lines, "\n")
}

func newTree(t *testing.T) *treetest.Builder { return treetest.New(t.TempDir()) }

// fillHole overwrites a file with data.
func fillHole(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := []byte(random(1 << 20))
	for at := int64(0); at < size; at += int64(len(chunk)) {
		if _, err := f.WriteAt(chunk[:min(int64(len(chunk)), size-at)], at); err != nil {
			t.Fatal(err)
		}
	}
}

// memoryDir is a new directory in memory where there is one: staging 100 000
// files would spend most of a test's time on a disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "banger-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
