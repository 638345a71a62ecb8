package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWaiterTakesOver has a build wait for another of the same image, which is
// killed while its builder is at work: the one that waited makes the image.
func TestWaiterTakesOver(t *testing.T) {
	h := holdBuilds(t)
	winner := h.build("winner.ext4")
	if err := winner.Start(); err != nil {
		t.Fatal(err)
	}
	waitForFile(h.ctx, t, h.started)

	waiter := h.build("waiter.ext4")
	var said bytes.Buffer
	waiter.Stdout = &said
	stderr, err := waiter.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := waiter.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	want := fmt.Sprintf("banger: waiting for process %d, which makes the same image", winner.Process.Pid)
	if !lines.Scan() || lines.Text() != want {
		t.Errorf("the one that waits says %q, want %q", lines.Text(), want)
	}
	_ = winner.Process.Kill()
	_ = winner.Wait()
	h.release(t)
	for lines.Scan() {
		t.Errorf("it says %q", lines.Text())
	}
	if err := waiter.Wait(); err != nil || !strings.Contains(said.String(), `"cached": false`) {
		t.Errorf("the build that waited: %v, %s", err, &said)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "winner.ext4")); err == nil {
		t.Error("the killed build has made a file")
	}
	if out, err := h.build("third.ext4").Output(); err != nil || !bytes.Contains(out, []byte(`"cached": true`)) {
		t.Errorf("the next build: %v, %s", err, out)
	}
	assertEmpty(t, filepath.Join(h.store, "quarantine"))
}
