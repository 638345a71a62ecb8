package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/registrytest"
)

// TestOfflineOpensNoSocket watches the system calls: there is no socket but
// those between banger and its builder, which are files.
func TestOfflineOpensNoSocket(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	strace := need.Tool(t, "strace", "strace")
	bin := bangertest.Binary(t)
	image, store := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "store")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	registry := registrytest.NewFake()
	t.Cleanup(registry.Close)
	registry.Add("app", image)
	ref := registry.Host() + "/app:latest"
	trace := func(args ...string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "trace")
		cmd := exec.CommandContext(t.Context(), strace, append([]string{"-f", "--seccomp-bpf", "-e", "trace=%network", "-o", file, bin}, args...)...)
		cmd.Env = append(os.Environ(), "BANGER_STORE="+store)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		calls, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(calls)
	}
	if calls := trace("pull", ref); !strings.Contains(calls, "AF_INET") {
		t.Fatalf("a pull from a registry shows no socket:\n%s", calls)
	}
	for _, args := range [][]string{
		{"pull", "--offline", ref},
		{"export", "--offline", "-o", filepath.Join(t.TempDir(), "x.tar"), ref},
		{"build", "--offline", "-o", filepath.Join(t.TempDir(), "x.ext4"), ref},
	} {
		calls := trace(args...)
		for _, family := range []string{"AF_INET", "AF_NETLINK"} {
			if strings.Contains(calls, family) {
				t.Errorf("%v: a socket of %s:\n%s", args, family, calls)
			}
		}
		if args[0] != "build" && strings.Contains(calls, "socket(") {
			t.Errorf("%v: a socket:\n%s", args, calls)
		}
	}
}
