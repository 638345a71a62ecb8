package main

import (
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/tmuxtest"
)

// pulled makes a store with an image and the names of others, and returns it
// and the image.
func pulled(t *testing.T) (store, image string) {
	t.Helper()
	store, image = filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "img")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	if code, stderr := runBanger(t, bangertest.Binary(t), "pull", "--store", store, "oci:"+image); code != exitOK {
		t.Fatal(stderr)
	}
	s, err := cas.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"index.docker.io/library/alpine:3.20", "ghcr.io/x/y:1"} {
		desc := cas.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: digest.FromString(name), Size: 1}
		if err := s.Tag(t.Context(), desc, name); err != nil {
			t.Fatal(err)
		}
	}
	return store, image
}

func TestCandidates(t *testing.T) {
	store, image := pulled(t)
	plugins := t.TempDir()
	if err := os.WriteFile(filepath.Join(plugins, "banger-builder-mine"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	files := filepath.Dir(image)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("BANGER_STORE", "")
	bundled := slices.Sorted(maps.Keys(bundledBuilders))
	schemes := []string{"docker-archive:", "docker-daemon:", "docker://", "oci-archive:", "oci:"}
	for line, want := range map[string][]string{
		"bui":                                    {"build", "builders"},
		"--st":                                   {"--store"},
		"--store x pl":                           {"plan"},
		"build --pro":                            {"--progress"},
		"build --progress p":                     {"plain"},
		"build --progress=p":                     {"--progress=plain"},
		"build x --progress ":                    choices["progress"],
		"build -b ":                              bundled,
		"build --plugin-dir " + plugins + " -b ": slices.Sorted(slices.Values(append(slices.Clone(bundled), "mine"))),
		"build -o ":                              {"files"},
		"build --size a":                         {"auto"},
		"build --free ":                          nil,
		"tree --format m":                        {"mtree"},
		"tree ":                                  schemes,
		"tree --store " + store + " oci:" + image: {"oci:" + image + "/"},
		"tree --store " + store + " al":           {"alpine:3.20"},
		"tree --store " + store + " g":            {"ghcr.io/x/y:1"},
		"--store=" + store + " tree docker":       {"docker-archive:", "docker-daemon:", "docker://"},
		"tree oci:" + files + "/i":                {"oci:" + image + "/"},
		"tree oci-archive:" + image + "/in":       {"oci-archive:" + image + "/index.json"},
		"tree oci:" + files + "/*":                nil,
		"inspect --top 3 x":                       {"files"},
		"builders de":                             {"describe"},
		"builders describe d":                     {"debugfs"},
		"completion ":                             {"bash", "fish", "zsh"},
		"build -- --pro":                          nil,
		"nonsense ":                               nil,
		"version ":                                nil,
	} {
		words := strings.Split(line, " ")
		got := candidates(t.Context(), newApp(io.Discard, io.Discard), words)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%q: -want +got:\n%s", line, diff)
		}
	}
}

// TestShellCompletion has each shell complete the same lines.
func TestShellCompletion(t *testing.T) {
	bin := bangertest.Binary(t)
	store, image := pulled(t)
	t.Setenv("PATH", filepath.Dir(bin)+":"+os.Getenv("PATH"))
	t.Setenv("BANGER_STORE", store)
	t.Setenv("HOME", t.TempDir())
	shells := map[string]func(t *testing.T, line string) string{"bash": completeBash, "fish": completeFish, "zsh": completeZsh}
	for name, completeIn := range shells {
		t.Run(name, func(t *testing.T) {
			for line, want := range map[string]string{
				"banger vers":                             "version",
				"banger build --progress=pl":              "plain",
				"banger tree oci:" + image[:len(image)-2]: image,
				"banger tree alp":                         "alpine:3.20",
				"banger inspect " + image + "/index":      image + "/index.json",
				"banger builders describe debu":           "debugfs",
			} {
				if got := completeIn(t, line); !strings.Contains(got, want) {
					t.Errorf("%q: %q, want %q in it", line, got, want)
				}
			}
		})
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func completeBash(t *testing.T, line string) string {
	t.Helper()
	return output(t, need.Tool(t, "bash", "bash"), "--norc", "-c",
		`eval "$(banger completion bash)"; COMP_LINE=$1; COMP_POINT=${#1}; _banger; printf '%s\n' "${COMPREPLY[@]}"`, "bash", line)
}

func completeFish(t *testing.T, line string) string {
	t.Helper()
	return output(t, need.Tool(t, "fish", "fish"), "--no-config", "-c", "banger completion fish | source; complete -C $argv[1]", "--", line)
}

// completeZsh types the line into a zsh, which completes nothing without a
// terminal.
func completeZsh(t *testing.T, line string) string {
	t.Helper()
	zsh := need.Tool(t, "zsh", "zsh")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "BANGER_STORE=" + os.Getenv("BANGER_STORE")}
	term := tmuxtest.Start(t, 300, 24, env, zsh, "-f")
	term.Type(`PS1='ready> '; autoload -Uz compinit && compinit -u -D && eval "$(banger completion zsh)" && echo set""up`)
	term.Key("Enter")
	term.WaitText("setup\nready>")
	term.Type(line)
	term.Key("Tab")
	_, after, _ := strings.Cut(term.Wait("a completion of "+line, func(screen string) bool {
		_, after, ok := strings.Cut(screen, "ready> "+line)
		return ok && after != ""
	}), "ready> ")
	return after
}
