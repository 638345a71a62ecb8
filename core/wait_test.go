package core

import (
	"fmt"
	"os"
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
	said := func() bool {
		log.mu.Lock()
		defer log.mu.Unlock()
		return slices.Contains(log.log, want)
	}
	for !said() {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v, %q", err, log.log)
		case <-time.After(time.Millisecond):
		}
	}
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
