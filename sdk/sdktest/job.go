package sdktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"banger/sdk"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// kit is one run of the checks.
type kit struct {
	host   Host
	config Config
	dir    string
	next   int // number of the next job's directory

	description sdk.Description
	watch       watcher
}

// watcher is the Events of all builds.
type watcher struct {
	mu      sync.Mutex
	losses  []sdk.Loss
	stdout  []string
	killed  bool
	placed  []placed
	onEvent func()
	list    string // path of the list of bodies
}

func (w *watcher) event() {
	w.mu.Lock()
	do := w.onEvent
	w.mu.Unlock()
	if do != nil {
		do()
	}
}

// Log implements sdk.Events.
func (w *watcher) Log(sdk.LogLevel, string) { w.event() }

// Progress implements sdk.Events.
func (w *watcher) Progress(sdk.Progress) { w.event() }

// Lose implements sdk.Events.
func (w *watcher) Lose(losses []sdk.Loss) {
	w.mu.Lock()
	w.losses = append(w.losses, losses...)
	w.mu.Unlock()
	w.event()
}

// Placed implements sdk.Events.
func (w *watcher) Placed(size int64) {
	w.mu.Lock()
	p := placed{size: size}
	p.list, p.err = os.ReadFile(w.list)
	w.placed = append(w.placed, p)
	w.mu.Unlock()
	w.event()
}

// Stdout implements Observer.
func (w *watcher) Stdout(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stdout) < 10 {
		w.stdout = append(w.stdout, line)
	}
}

// Killed implements Observer.
func (w *watcher) Killed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed = true
}

func (w *watcher) reset(onEvent func(), list string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses, w.killed, w.placed, w.onEvent, w.list = nil, false, nil, onEvent, list
}

// job is one build of a golden tree.
type job struct {
	tree    *tree.Tree
	req     *sdk.Request
	inputs  map[string][]byte // files that must stay as they are
	pipe    []byte            // what goes through req.TarPath
	losses  []sdk.Loss        // what the builder reported
	placed  []placed
	onEvent func()
}

// newJob makes a request for a golden tree in a directory of its own.
func (k *kit) newJob(ctx context.Context, g golden, given map[string]string) (*job, error) {
	t, pack, err := g.make()
	if err != nil {
		return nil, err
	}
	k.next++
	dir := filepath.Join(k.dir, fmt.Sprint(k.next))
	j := &job{tree: t, inputs: map[string][]byte{}}
	j.req = &sdk.Request{
		TreePath: filepath.Join(dir, "tree"), Output: filepath.Join(dir, "out", "image"), Scratch: filepath.Join(dir, "scratch"),
		Events: &k.watch,
	}
	for _, d := range []string{dir, filepath.Dir(j.req.Output), j.req.Scratch} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	all := maps.Clone(k.config.Options)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, given)
	if j.req.Options, err = k.description.CheckOptions(all); err != nil {
		return nil, err
	}
	return j, k.feed(ctx, j, dir, pack)
}

// feed writes the input in the form that the builder wants.
func (k *kit) feed(ctx context.Context, j *job, dir string, pack []byte) error {
	var text bytes.Buffer
	if _, err := j.tree.WriteTo(&text); err != nil {
		return err
	}
	sum := sha256.Sum256(text.Bytes())
	j.req.TreeDigest = "sha256:" + hex.EncodeToString(sum[:])
	j.inputs[j.req.TreePath] = text.Bytes()
	packPath := filepath.Join(dir, "pack")
	switch k.description.Input {
	case sdk.InputTree:
		j.req.PackPaths = []string{packPath}
		j.inputs[packPath] = pack
	case sdk.InputDir:
		j.req.Dir = filepath.Join(dir, "root")
		if err := os.Mkdir(j.req.Dir, 0o700); err != nil {
			return err
		}
		losses, err := stage(j.tree, pack, j.req.Dir, k.description.Staging)
		if err != nil {
			return err
		}
		if j.req.StagingLossesPath, err = writeLosses(filepath.Join(dir, "losses"), losses); err != nil {
			return err
		}
	case sdk.InputTar:
		if err := j.makeTar(ctx, dir, packPath, pack); err != nil {
			return err
		}
	}
	for path, content := range j.inputs {
		if err := os.WriteFile(path, content, 0o400); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) makeTar(ctx context.Context, dir, packPath string, pack []byte) error {
	j.req.TarPath = filepath.Join(dir, "tar")
	if err := unix.Mkfifo(j.req.TarPath, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(packPath, pack, 0o400); err != nil {
		return err
	}
	f, err := os.Open(packPath)
	if err != nil {
		return err
	}
	defer f.Close()
	var tar bytes.Buffer
	err = treetar.Write(ctx, &tar, j.tree, onePack{f})
	j.pipe = tar.Bytes()
	return err
}

type onePack struct{ file *os.File }

func (p onePack) Pack(int) (*os.File, error) { return p.file, nil }

// run builds, and holds the builder to what it may touch.
func (k *kit) run(ctx context.Context, j *job) error {
	k.watch.reset(j.onEvent, j.req.BodiesPath)
	feeder := j.startPipe()
	err := k.host.Build(ctx, j.req)
	feeder()
	k.watch.mu.Lock()
	j.losses, j.placed = k.watch.losses, k.watch.placed
	killed := k.watch.killed
	k.watch.mu.Unlock()
	if killed {
		err = errors.Join(err, errors.New("it had to be killed: it did not end when it was told to"))
	}
	return errors.Join(err, j.untouched())
}

// startPipe feeds the tar to whoever opens the pipe; stop ends that.
func (j *job) startPipe() (stop func()) {
	if j.req.TarPath == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w, err := os.OpenFile(j.req.TarPath, os.O_WRONLY, 0) // waits for a reader: fifo(7)
		if err != nil {
			return
		}
		defer w.Close()
		_, _ = w.Write(j.pipe) // what is not read does not matter
	}()
	return func() {
		for {
			// A reader that comes and goes lets the writer open, and fail.
			if f, err := os.OpenFile(j.req.TarPath, os.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
				_ = f.Close()
			}
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// untouched tells whether the input is what it was, and nothing but the image
// was made.
func (j *job) untouched() error {
	for path, want := range j.inputs {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("it changed its input: the %s is not what it was", filepath.Base(path))
		}
	}
	for _, dir := range []string{filepath.Dir(j.req.Output), filepath.Dir(j.req.Scratch)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); !j.expects(path) {
				return fmt.Errorf("it made %s: only the output, and what is in the scratch directory, is its to write", e.Name())
			}
		}
	}
	return nil
}

// expects tells whether something may be at path.
func (j *job) expects(path string) bool {
	r := j.req
	switch path {
	case r.Output, filepath.Dir(r.Output), r.Scratch, r.TreePath, r.TarPath, r.Dir, r.StagingLossesPath, r.BodiesPath, filepath.Join(filepath.Dir(r.TreePath), "pack"):
		return true
	}
	return false
}
