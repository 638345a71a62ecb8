package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"banger/internal/bangertest"
)

// TestWaiterTakesOver has a build wait for another of the same image, which is
// killed while its builder is at work: the one that waited makes the image.
func TestWaiterTakesOver(t *testing.T) {
	bin, dir := bangertest.Binary(t), t.TempDir()
	image, store := filepath.Join(dir, "image"), filepath.Join(dir, "store")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	started, goOn := holdMkfs(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := func(out string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, bin, "build", "--json", "--store", store, "--progress", "none", "oci:"+image, "-o", filepath.Join(dir, out))
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "NO_COLOR=1")
		return cmd
	}
	winner := build("winner.ext4")
	if err := winner.Start(); err != nil {
		t.Fatal(err)
	}
	waitForFile(ctx, t, started)

	waiter := build("waiter.ext4")
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
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		t.Errorf("it says %q", lines.Text())
	}
	if err := waiter.Wait(); err != nil || !strings.Contains(said.String(), `"cached": false`) {
		t.Errorf("the build that waited: %v, %s", err, &said)
	}
	if _, err := os.Stat(filepath.Join(dir, "winner.ext4")); err == nil {
		t.Error("the killed build has made a file")
	}
	if out, err := build("third.ext4").Output(); err != nil || !bytes.Contains(out, []byte(`"cached": true`)) {
		t.Errorf("the next build: %v, %s", err, out)
	}
	assertEmpty(t, filepath.Join(store, "quarantine"))
}
