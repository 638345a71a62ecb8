package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/internal/bangertest"
	"banger/internal/filetest"
	"banger/internal/need"
)

// TestPlanLeavesNoTrace plans before there is a store, after a pull, and after a
// build, with every builder and from every kind of file: nothing has come, gone
// or changed meanwhile below the directories that the command knows of, not even
// the time of a directory in which something was for a moment. And the action
// that was planned is the one that is built.
func TestPlanLeavesNoTrace(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin, dir := bangertest.Binary(t), t.TempDir()
	if err := writeImage(filepath.Join(dir, "img"), "good"); err != nil {
		t.Fatal(err)
	}
	banger := func(args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bin, append(args, "--json")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "TMPDIR="+filepath.Join(dir, "tmp"), "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "XDG_RUNTIME_DIR=")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("banger %s: %v", strings.Join(args, " "), err)
		}
		return out
	}
	must(t, os.Mkdir(filepath.Join(dir, "home"), 0o755), os.Mkdir(filepath.Join(dir, "tmp"), 0o755),
		exec.CommandContext(t.Context(), "tar", "-C", filepath.Join(dir, "img"), "-czf", filepath.Join(dir, "img.tar.gz"), ".").Run())
	for _, image := range []string{"oci:img", "oci-archive:img.tar.gz"} {
		for name := range bundledBuilders {
			var action string
			plan := func(when string) {
				t.Helper()
				before := filetest.Snapshot(t, dir)
				var planned struct{ Action string }
				unmarshal(t, banger("plan", "--builder", name, image), &planned)
				if diff := cmp.Diff(before, filetest.Snapshot(t, dir)); diff != "" {
					t.Errorf("%s, %s: -before +after the plan:\n%s", name, when, diff)
				}
				if action != "" && action != planned.Action {
					t.Errorf("%s, %s: the action is %s, and was %s", name, when, planned.Action, action)
				}
				action = planned.Action
			}
			must(t, os.RemoveAll(filepath.Join(dir, "home", ".cache")))
			plan("without a store")
			banger("pull", image)
			plan("after the pull")
			if name == "squashfs" && findTool("tar2sqfs") == "" {
				continue
			}
			var built struct{ Action string }
			unmarshal(t, banger("build", "--builder", name, image), &built)
			if built.Action != action {
				t.Errorf("%s: planned %s, built %s", name, action, built.Action)
			}
			plan("after the build")
		}
	}
}
