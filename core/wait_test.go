package core

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"banger/cas"
)

// TestWaitingSaysForWhom: a build waits for the one that makes the same image
// and says so.
func TestWaitingSaysForWhom(t *testing.T) {
	e, log := withFakes(t)
	im := twoLayers(t)
	first, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := cas.Open(t.Context(), e.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	unlock, err := other.Lock(t.Context(), "action", first.Action)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree", NoCache: true})
		done <- err
	}()
	want := fmt.Sprintf("waiting for process %d, which makes the same image", os.Getpid())
	log.await(t, want, done)
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// watcher notes the tasks that are told of.
type watcher struct {
	*recorded
	tasks map[string]bool
}

func (w *watcher) Progress(p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[p.Task] = true
}

// TestWaiterTakesTheLayer: who has waited for another to unpack a layer takes
// that, and does not do it once more.
func TestWaiterTakesTheLayer(t *testing.T) {
	im := twoLayers(t)
	first, _ := newEngine(t)
	p, err := first.Pull(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	e, log := newEngine(t)
	w := &watcher{log, map[string]bool{}}
	e.Events = w
	other, err := cas.Open(t.Context(), e.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	unlock, err := other.Lock(t.Context(), "layer", p.DiffIDs[0])
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := e.Tree(t.Context(), im)
		done <- err
	}()
	task := "layer 1/2 " + short(p.DiffIDs[0])
	log.await(t, fmt.Sprintf("waiting for process %d, which makes %s", os.Getpid(), task), done)
	layer := filepath.Join("layers/sha256", p.DiffIDs[0].Encoded())
	if err := os.CopyFS(filepath.Join(e.Store.Dir(), layer), os.DirFS(filepath.Join(first.Store.Dir(), layer))); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if w.tasks[task] || !w.tasks["layer 2/2 "+short(p.DiffIDs[1])] {
		t.Errorf("tasks: %v", w.tasks)
	}
}

// await waits until a line has been logged.
func (r *recorded) await(t *testing.T, line string, done <-chan error) {
	t.Helper()
	said := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Contains(r.log, line)
	}
	for !said() {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v, %q", err, r.log)
		case <-time.After(time.Millisecond):
		}
	}
}
