package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"banger/cas"
	"banger/core/host"
	"banger/internal/filetest"
	"banger/internal/ocitest"
	"banger/internal/sparse"
	tt "banger/internal/tartest"
)

// truth is what the commands must give.
type truth struct {
	im    Image
	tree  digest.Digest
	tar   []byte
	image []byte
	lean  []byte
}

// realStore is a store in which every command has run once, and what they gave.
func realStore(t *testing.T) (dir string, want truth) {
	return storeAfter(t, "pull", "tree", "export", "build")
}

// storeAfter is a store in which commands have run once, and what they gave.
func storeAfter(t *testing.T, names ...string) (dir string, want truth) {
	t.Helper()
	large := strings.Repeat("0123456789abcdef", 5<<10)
	im := layout(t, gz(tt.Dir("a/"), tt.File("a/b", "one"), tt.File("big", large)),
		ocitest.Layer{Tar: tt.Join(tt.File("a/b", "two"), tt.File("c", "three")), Compression: ocitest.Plain})
	e, err := openEngine(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want = truth{im: im}
	commands := commandsOf(&want, true)
	for _, name := range names {
		if err := commands[name](t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return e.Store.Dir(), want
}

// openEngine returns an engine with the fake builders on the store at dir.
func openEngine(t *testing.T, dir string) (*Engine, error) {
	t.Helper()
	s, err := cas.Open(t.Context(), dir)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	bundled := make(map[string]host.Bundled)
	for name := range fakeInputs {
		bundled[name] = host.Bundled{Path: "/proc/self/exe", Args: []string{"fake-builder", name}}
	}
	h := host.New(host.Config{Bundled: bundled, Keeper: fakeKeeper, ToolPath: "/usr/bin:/bin", TempDir: t.TempDir(), Cache: DescribeCache(s)})
	return New(Config{Store: s, Host: h}), nil
}

// commandsOf are what a user can run: each fails when what it gives is not
// what want says, or notes it there.
func commandsOf(want *truth, learn bool) map[string]func(ctx context.Context, e *Engine) error {
	build := func(builder string, image *[]byte, noCache bool) func(ctx context.Context, e *Engine) error {
		return func(ctx context.Context, e *Engine) error {
			dir, remove, err := e.Store.TempDir("out")
			if err != nil {
				return err
			}
			defer remove()
			out := filepath.Join(dir, "out")
			if _, err := e.Build(ctx, BuildOptions{Image: want.im, Builder: builder, Output: out, NoCache: noCache}); err != nil {
				return err
			}
			b, err := os.ReadFile(out)
			if learn {
				*image = b
			}
			return errors.Join(err, same("image", b, *image))
		}
	}
	return map[string]func(ctx context.Context, e *Engine) error{
		"build":   build("tree", &want.image, false),
		"rebuild": build("tree", &want.image, true),
		"lean":    build("lean", &want.lean, false),
		"relean":  build("lean", &want.lean, true),
		"tree": func(ctx context.Context, e *Engine) error {
			_, d, err := e.Tree(ctx, want.im)
			if learn {
				want.tree = d
			}
			if err == nil && d != want.tree {
				err = fmt.Errorf("%w: tree %s, want %s", errWrong, d, want.tree)
			}
			return err
		},
		"export": func(ctx context.Context, e *Engine) error {
			var b bytes.Buffer
			if err := e.Export(ctx, want.im, &b); err != nil {
				return err
			}
			if learn {
				want.tar = b.Bytes()
			}
			return same("tar", b.Bytes(), want.tar)
		},
		"pull": func(ctx context.Context, e *Engine) error { return pullAll(ctx, e, want.im) },
	}
}

// errWrong is the one error that no damage may lead to.
var errWrong = errors.New("wrong bytes were served")

func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: %s of %d bytes, want %d", errWrong, what, len(got), len(want))
	}
	return nil
}

// pullAll pulls im and holds every blob of it against its digest, in the place
// where other programs read it.
func pullAll(ctx context.Context, e *Engine, im Image) error {
	p, err := e.Pull(ctx, im)
	if err != nil {
		return err
	}
	src, err := e.open(ctx, im)
	if err != nil {
		return err
	}
	defer src.close()
	blobs := []digest.Digest{p.Manifest, p.Config}
	for _, l := range src.Manifest().Layers {
		blobs = append(blobs, digest.Digest(l.Digest.String()))
	}
	for _, d := range blobs {
		b, err := os.ReadFile(filepath.Join(e.Store.Dir(), "blobs/sha256", d.Encoded()))
		if err != nil || digest.FromBytes(b) != d {
			return fmt.Errorf("%w: blob %s after a pull: %w", errWrong, d, err)
		}
	}
	_, err = e.Store.Tagged(refName(src.Name()))
	return err
}

// TestNoDamageIsEverServed damages each file of a store in each way and then
// runs each command.
//
// What somebody has written to is noticed by its time: every command makes
// again what it needs and gives what it gave before. What a disk has done,
// with times as they were, is noticed with VerifyCache just so. Without it, a
// command may fail over it or, where it reads a file that it does not hash,
// serve it; see mayServe.
func TestNoDamageIsEverServed(t *testing.T) {
	store, want := realStore(t)
	checkDamage(t, store, &want, storeFiles(t, store), "build", "rebuild", "tree", "export", "pull")
}

// TestNoDamageIsServedFromPacks does the same with an image whose contents lie
// in the packs, and what it is put together of.
func TestNoDamageIsServedFromPacks(t *testing.T) {
	store, want := storeAfter(t, "lean")
	files := slices.DeleteFunc(storeFiles(t, store), func(f string) bool { return !strings.Contains(f, "s/sha256/") || strings.HasPrefix(f, "blobs/") })
	if !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "/bodies") }) {
		t.Errorf("no image lacks bodies: %q", files)
	}
	checkDamage(t, store, &want, files, "lean", "relean")
}

// checkDamage damages each of the files of a store in each way and runs each
// of the commands.
func checkDamage(t *testing.T, store string, want *truth, files []string, names ...string) {
	t.Helper()
	commands := commandsOf(want, false)
	var g errgroup.Group
	g.SetLimit(4 * runtime.GOMAXPROCS(0)) // they wait for the disk most of the time
	for _, mode := range []damageMode{{"written", false, false}, {"rotten, verified", true, true}, {"rotten", true, false}} {
		for _, file := range files {
			for how := range filetest.Damages {
				if mode.rot && !mode.verify && how != "flip" && how != "zero" {
					continue // sizes tell
				}
				if how == "directory" && !strings.Contains(file, "/") {
					continue // refused: such a store is somebody else's to put right
				}
				for _, name := range names {
					g.Go(func() error {
						err := damagedRun(t, store, file, how, mode, commands[name])
						if !mayEnd(err, file, name, mode.rot && !mode.verify) {
							t.Errorf("%s: %s of %s, then %s: %v", mode.name, how, file, name, err)
						}
						return nil
					})
				}
			}
		}
	}
	_ = g.Wait() // its functions do not fail
}

// damageMode says whether a damaged file keeps its time, and whether the
// command verifies the store.
type damageMode struct {
	name        string
	rot, verify bool
}

// quickDir is a temporary directory where syncing costs nothing, if there is one.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "banger-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// damagedRun runs a command on a copy of a store with one damaged file.
func damagedRun(t *testing.T, store, file, how string, mode damageMode, command func(ctx context.Context, e *Engine) error) error {
	dir := quickDir(t)
	if err := errors.Join(copyStore(store, dir), filetest.Damage(filepath.Join(dir, file), how, mode.rot)); err != nil {
		return err
	}
	e, err := openEngine(t, dir)
	if err != nil {
		return err
	}
	defer e.Store.Close()
	e.VerifyCache = mode.verify
	return command(t.Context(), e)
}

// mayEnd says whether a command may end so after damage to a file.
func mayEnd(err error, file, command string, unseen bool) bool {
	switch {
	case err == nil:
		return true
	case file == "VERSION":
		return errors.Is(err, cas.ErrVersion)
	case !unseen:
		return false
	case command == "export" && strings.HasSuffix(file, "/pack"):
		return errors.Is(err, sparse.ErrContent) // it has begun to write
	default:
		return mayServe(file, command)
	}
}

// mayServe lists what is served as it is when a disk changes bytes and no time,
// and nobody asks for verification: the image of a build that was made before,
// the packs from which bodies are put into an image, and the compressed layers
// that a pull keeps for other programs.
func mayServe(file, command string) bool {
	switch command {
	case "build":
		return strings.HasSuffix(file, "/image")
	case "lean":
		return strings.HasSuffix(file, "/image") || strings.HasSuffix(file, "/pack")
	case "relean":
		return strings.HasSuffix(file, "/pack")
	case "pull":
		return strings.HasPrefix(file, "blobs/")
	}
	return false
}

// storeFiles lists the files of a store at rest, relative to it.
func storeFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(rel, "locks/") && !strings.HasPrefix(rel, "tmp/") {
			files = append(files, rel)
		}
		return err
	})
	if err != nil || len(files) < 15 {
		t.Fatalf("%v, %q", err, files)
	}
	return files
}

// copyStore is cp -a: times are kept.
func copyStore(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		return errors.Join(err, os.Chtimes(filepath.Join(to, rel), info.ModTime(), info.ModTime()))
	})
}
