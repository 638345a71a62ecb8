package archtest

import (
	"slices"
	"strings"
	"testing"
)

const module = "banger"

// rules is the dependency rule of the module.
var rules = []Rule{
	{
		Name:  "the sdk stands alone",
		Of:    []string{"banger/sdk"},
		Never: []string{"banger/core", "banger/cas", "banger/plugins", "banger/cmd"},
	},
	{
		Name:  "the store knows nothing of images or builders",
		Of:    []string{"banger/cas"},
		Never: []string{"banger/core", "banger/sdk", "banger/plugins", "banger/cmd"},
		Only: []string{
			"banger/cas", "banger/internal",
			"github.com/gofrs/flock", "github.com/opencontainers/go-digest",
			"golang.org/x/sync", "golang.org/x/sys",
		},
	},
	{
		Name:        "flattening touches neither host nor network",
		Of:          []string{"banger/core/flatten"},
		Never:       []string{"banger/cas", "banger/core/source", "banger/core/host", "banger/core/stage"},
		NotDirectly: []string{"io/ioutil", "net", "os", "path/filepath", "syscall", "golang.org/x/sys"},
	},
	{
		Name:  "the core does not know the bundled builders",
		Of:    []string{"banger/core"},
		Never: []string{"banger/plugins", "banger/cmd"},
	},
	{
		Name:  "a builder has what any other has, the sdk",
		Of:    []string{"banger/plugins"},
		Never: []string{"banger/core", "banger/cas", "banger/cmd"},
	},
	{
		Name:   "helpers do not lead back to what they help",
		Of:     []string{"banger/internal"},
		Except: []string{"banger/internal/*test"},
		Never:  []string{"banger/core", "banger/cas", "banger/plugins", "banger/cmd"},
	},
	{
		Name: "a keeper is ready before what else its program has",
		Of:   []string{"banger/core/host/keeper"},
		Only: []string{"golang.org/x/sys"},
	},
	{
		Name:   "nothing imports a command",
		Of:     []string{"banger"},
		Except: []string{"banger/cmd/banger"}, // has a package of its own
		Never:  []string{"banger/cmd", "banger/plugins/*/cmd"},
	},
	{
		Name: "no heavy clients, and one library for each purpose",
		Of:   []string{"banger"},
		NotDirectly: []string{
			"github.com/containerd", "github.com/docker", "github.com/moby",
			"github.com/sigstore", "github.com/sirupsen/logrus", "github.com/spf13/cobra",
			"github.com/stretchr/testify", "go.etcd.io/bbolt",
		},
	},
}

func TestRules(t *testing.T) {
	g, err := Load(t.Context(), "../..", "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		t.Run(rule.Name, func(t *testing.T) {
			if err := rule.Covers(g); err != nil {
				t.Error(err)
			}
			for _, violation := range rule.Check(g, module) {
				t.Error(violation)
			}
		})
	}
	t.Run("libraries neither print, exit nor read the environment", func(t *testing.T) { checkLibraries(t, g) })
}

// forCommands are what a library leaves to the program that uses it.
var forCommands = Names{
	"builtin":    {"print", "println"},
	"flag":       {"*"},
	"fmt":        {"Print*"},
	"log":        {"*"},
	"log/syslog": {"*"},
	"log/slog":   {"Default", "SetDefault", "Debug*", "Info*", "Warn*", "Error*"},
	"os": {
		"Args", "Environ", "Exit", "ExpandEnv", "Getenv", "LookupEnv", "Setenv", "Std*", "TempDir", "Unsetenv",
		"UserCacheDir", "UserConfigDir", "UserHomeDir",
	},
	"syscall":               {"Environ", "Exit", "Getenv", "Setenv", "Std*"},
	"golang.org/x/sys/unix": {"Environ", "Exit", "Getenv", "Setenv", "Std*"},
}

// programs are packages that are commands, or serve tests alone.
var programs = []string{
	"banger/bench", "banger/cmd", "banger/demo", "banger/examples", "banger/plugins/*/cmd", "banger/test",
	"banger/internal/*test", "banger/internal/need", "banger/internal/testreport",
}

// ofMain are the files behind sdk.Main and keeper.Keep, which are the whole main
// functions of their processes: output, environment and exit status are the
// protocol.
var ofMain = []string{
	"banger/sdk/main.go:", "banger/sdk/certify.go:", "banger/sdk/lifetime.go:",
	"banger/core/host/keeper/keeper.go:", "banger/core/host/keeper/keeper_linux.go:", "banger/core/host/keeper/keeper_darwin.go:",
}

func checkLibraries(t *testing.T, g Graph) {
	libraries := 0
	for _, p := range g.Within(module) {
		if within(p.ImportPath, programs) {
			continue
		}
		libraries++
		uses, err := forCommands.Uses(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range uses {
			if !slices.ContainsFunc(ofMain, func(file string) bool { return strings.HasPrefix(use, file) }) {
				t.Error(use)
			}
		}
	}
	if libraries == 0 {
		t.Error("found no library")
	}
}
