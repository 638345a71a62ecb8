package cas

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/internal/need"
)

// helpers are the programs that a re-executed test binary can be; TestMain
// runs the one that the environment names, with the store's directory.
var helpers = map[string]func(dir string) error{
	"hold session": holdSession,
	"hold lock":    holdLock,
	"steps":        stepsAndDie,
	"build once":   buildOnce,
	"copy out":     copyOutAndDie,
	"use":          useAction,
	"gc and die":   gcAndDie,
	"soak gc":      soakGC,
	"soak work":    soakWork,
}

const (
	helperEnv = "BANGER_CAS_HELPER"
	dirEnv    = "BANGER_CAS_DIR"
	argEnv    = "BANGER_CAS_ARG"
)

func TestMain(m *testing.M) {
	name := os.Getenv(helperEnv)
	if name == "" {
		need.PrivateMounts()
		os.Exit(m.Run())
	}
	if err := helpers[name](os.Getenv(dirEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// helper starts a helper, which ends with the test at the latest.
func helper(t *testing.T, name, dir, arg string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"="+name, dirEnv+"="+dir, argEnv+"="+arg)
	cmd.Stderr = os.Stderr
	return cmd
}

// startHelper starts a helper and waits for its line "ready".
func startHelper(t *testing.T, name, dir, arg string) (kill func()) {
	t.Helper()
	cmd := helper(t, name, dir, arg)
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("helper %q said %q, %v", name, line, err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = in.Close()
	}
}

// readyUntilKilled is the end of a helper that is to be killed.
func readyUntilKilled() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quickDisk does not sync, which no test can see that loses no power.
func quickDisk() disk {
	d := realDisk()
	d.sync = func(*os.File) error { return nil }
	d.syncDir = func(string) error { return nil }
	return d
}

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	return openDisk(t, dir, quickDisk())
}

func openDisk(t testing.TB, dir string, d disk) *Store {
	t.Helper()
	s, err := open(context.Background(), dir, d)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// putArtifact commits an artifact whose image write makes.
func putArtifact(t testing.TB, s *Store, write func(f *os.File) error) Artifact {
	t.Helper()
	a, err := commitSkeleton(t, s, write, Bodies{})
	must(t, err)
	return a
}

func putText(t testing.TB, s *Store, text string) digest.Digest {
	t.Helper()
	d, err := s.PutBlob(t.Context(), []byte(text))
	must(t, err)
	return d
}

func putAction(t testing.TB, s *Store, question string, blobs ...digest.Digest) Action {
	t.Helper()
	key, preimage, err := ActionKey(map[string]any{"question": question})
	must(t, err)
	a := Action{Key: key, Preimage: preimage, Blobs: blobs, Result: []byte(`{"answer":42}`)}
	must(t, s.PutAction(t.Context(), a))
	return a
}

// blobPath returns the place of a blob.
func blobPath(t testing.TB, s *Store, d digest.Digest) string {
	t.Helper()
	path, err := s.object(kindBlob, d)
	must(t, err)
	return path
}

// overwrite changes a file of the store, read-only or not.
func overwrite(t testing.TB, path string, content []byte) {
	t.Helper()
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, content, 0o600))
	must(t, os.Chmod(path, 0o444))
}

// tree lists all files below dir, relative to it, but lock files.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if rel, _ := filepath.Rel(dir, path); !strings.HasPrefix(rel, "locks/") && !strings.HasSuffix(rel, leaseSuffix) {
			names = append(names, rel)
		}
		return nil
	}))
	slices.Sort(names)
	return names
}

// unchanged returns a function that fails the test when a file was added to
// or removed from the store since.
func unchanged(t testing.TB, s *Store) (check func()) {
	t.Helper()
	before := tree(t, s.dir)
	return func() {
		t.Helper()
		if after := tree(t, s.dir); !slices.Equal(before, after) {
			t.Errorf("store changed:\nbefore %q\nafter  %q", before, after)
		}
	}
}

// faults are disks on which one call always fails.
func faults(err error) map[string]disk {
	disks := map[string]func(d *disk){
		"write": func(d *disk) { d.write = func(*os.File, []byte) (int, error) { return 0, err } },
		"sync":  func(d *disk) { d.sync = func(*os.File) error { return err } },
		"rename": func(d *disk) {
			d.rename = func(_, _ string, _ bool) error { return err }
			d.exchange = func(_, _ string) error { return err }
		},
		"syncDir": func(d *disk) { d.syncDir = func(string) error { return err } },
		"close": func(d *disk) {
			d.close = func(f *os.File) error {
				_ = f.Close()
				return err
			}
		},
	}
	all := map[string]disk{}
	for name := range maps.Keys(disks) {
		d := quickDisk()
		disks[name](&d)
		all[name] = d
	}
	return all
}
