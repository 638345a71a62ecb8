package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// TestPruneDuringBuild holds mkfs up in the middle of a build, prunes
// everything in another process, and lets mkfs go on: the build must not
// notice.
func TestPruneDuringBuild(t *testing.T) {
	h := holdBuilds(t)
	cmd := h.build("x.ext4")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForFile(h.ctx, t, h.started)
	pruned := prune(t, h.bin, "--store", h.store, "--all")
	h.release(t)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("build: %v\n%s\nwhat was pruned: %s", err, stderr.Bytes(), pruned)
	}
	if strings.Contains(pruned, "layer") || strings.Contains(pruned, "blob") {
		t.Errorf("pruned under the build: %s", pruned)
	}
	if b, err := h.build("x.ext4").Output(); err != nil || !bytes.Contains(b, []byte(`"cached": true`)) {
		t.Errorf("the next build: %s, %v", b, err)
	}
	prune(t, h.bin, "--store", h.store, "--all")
	for _, kind := range []string{"blobs", "layers", "artifacts", "actions"} {
		assertEmpty(t, filepath.Join(h.store, kind, "sha256"))
	}
}

// heldBuilds are builds of one image, which wait in mkfs.ext4 until they are
// released.
type heldBuilds struct {
	ctx             context.Context // bounds them
	bin, dir, store string
	started, goOn   string // see holdMkfs
}

func holdBuilds(t *testing.T) *heldBuilds {
	t.Helper()
	dir := t.TempDir()
	if err := writeImage(filepath.Join(dir, "image"), "good"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	h := &heldBuilds{ctx: ctx, bin: bangertest.Binary(t), dir: dir, store: filepath.Join(dir, "store")}
	h.started, h.goOn = holdMkfs(t, dir)
	return h
}

// build is a build into the file out of the directory.
func (h *heldBuilds) build(out string) *exec.Cmd {
	cmd := exec.CommandContext(h.ctx, h.bin, "build", "--json", "--store", h.store, "--progress", "none",
		"oci:"+filepath.Join(h.dir, "image"), "-o", filepath.Join(h.dir, out))
	cmd.Env = append(os.Environ(), "PATH="+h.dir+":"+os.Getenv("PATH"), "NO_COLOR=1")
	return cmd
}

// release lets all builds go on.
func (h *heldBuilds) release(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(h.goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// holdMkfs puts an mkfs.ext4 into dir that says when it is to make an image,
// and does so once it may.
func holdMkfs(t *testing.T, dir string) (started, goOn string) {
	t.Helper()
	started, goOn = filepath.Join(dir, "started"), filepath.Join(dir, "go")
	script := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *\" -d \"*) : >%s; until [ -e %s ]; do /bin/sleep 0.01; done;; esac\nexec %s \"$@\"\n",
		started, goOn, need.Tool(t, "mkfs.ext4", "e2fsprogs"))
	if err := os.WriteFile(filepath.Join(dir, "mkfs.ext4"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return started, goOn
}

func waitForFile(ctx context.Context, t *testing.T, path string) {
	t.Helper()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not appear", path)
		case <-time.After(time.Millisecond):
		}
	}
}

// prune runs banger cache prune and returns what it prints.
func prune(t *testing.T, bin string, args ...string) string {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), bin, slices.Concat([]string{"cache", "prune"}, args)...).Output()
	if err != nil {
		t.Fatalf("prune: %v\n%s", err, b)
	}
	return string(b)
}
