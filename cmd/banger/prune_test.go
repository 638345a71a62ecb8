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
	bin, dir := bangertest.Binary(t), t.TempDir()
	image, store, out := filepath.Join(dir, "image"), filepath.Join(dir, "store"), filepath.Join(dir, "x.ext4")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	started, goOn := holdMkfs(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "build", "--store", store, "--progress", "none", "oci:"+image, "-o", out)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForFile(ctx, t, started)
	pruned := prune(t, bin, "--store", store, "--all")
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("build: %v\n%s\nwhat was pruned: %s", err, stderr.Bytes(), pruned)
	}
	if strings.Contains(pruned, "layer") || strings.Contains(pruned, "blob") {
		t.Errorf("pruned under the build: %s", pruned)
	}
	again := exec.CommandContext(ctx, bin, "build", "--json", "--store", store, "oci:"+image, "-o", out)
	again.Env = cmd.Env
	if b, err := again.Output(); err != nil || !bytes.Contains(b, []byte(`"cached": true`)) {
		t.Errorf("the next build: %s, %v", b, err)
	}
	prune(t, bin, "--store", store, "--all")
	for _, kind := range []string{"blobs", "layers", "artifacts", "actions"} {
		assertEmpty(t, filepath.Join(store, kind, "sha256"))
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
