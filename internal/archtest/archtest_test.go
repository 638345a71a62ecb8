package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// made returns a graph of module m, of a made-up violation of each kind.
func made() Graph {
	g := Graph{}
	for path, imports := range map[string][]string{
		"m/sdk":             {"fmt", "m/internal/x", "example.org/lib"},
		"m/sdk/proto":       {"fmt"},
		"m/internal/x":      {"m/internal/y"},
		"m/internal/y":      {"m/core"},
		"m/core":            {"os"},
		"m/core/pure":       {"m/core/index", "os/exec"},
		"m/core/index":      {"os"},
		"m/plugins/a":       {"m/plugins/a/cmd/b"},
		"m/plugins/a/cmd/b": {"fmt"},
		"m2/core":           {"m/core"},
	} {
		g[path] = Package{ImportPath: path, Imports: imports}
	}
	g["example.org/lib"] = Package{ImportPath: "example.org/lib", Imports: []string{"example.org/deep"}}
	g["example.org/deep"] = Package{ImportPath: "example.org/deep", Imports: []string{"m/core"}}
	for _, std := range []string{"fmt", "os", "os/exec"} {
		g[std] = Package{ImportPath: std, Standard: true}
	}
	return g
}

func TestRuleFindsViolations(t *testing.T) {
	tests := []struct {
		name string
		rule Rule
		want []string
	}{
		{"kept", Rule{Of: []string{"m/sdk/proto"}, Never: []string{"m/core"}, NotDirectly: []string{"os"}, Only: []string{"m/sdk"}}, nil},
		{
			"through others",
			Rule{Of: []string{"m/sdk"}, Never: []string{"m/core"}},
			[]string{"m/sdk → m/internal/x → m/internal/y → m/core"},
		},
		{"excepted", Rule{Of: []string{"m/internal"}, Except: []string{"m/internal/?"}, Never: []string{"m/core"}}, nil},
		{
			"not listed",
			Rule{Of: []string{"m/sdk"}, Only: []string{"m"}},
			[]string{"m/sdk → example.org/lib"},
		},
		{
			"direct only",
			Rule{Of: []string{"m/core/pure"}, NotDirectly: []string{"os"}},
			[]string{"m/core/pure → os/exec"},
		},
		{
			"pattern",
			Rule{Of: []string{"m"}, Never: []string{"m/plugins/*/cmd"}},
			[]string{"m/plugins/a → m/plugins/a/cmd/b"},
		},
		{"another module with the prefix", Rule{Of: []string{"m2"}, Never: []string{"m/internal"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.rule.Check(made(), "m")); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRuleForNothingIsAnError(t *testing.T) {
	if err := (Rule{Of: []string{"m/sdk"}}).Covers(made()); err != nil {
		t.Error(err)
	}
	if err := (Rule{Of: []string{"m/sdk", "m/moved"}}).Covers(made()); err == nil {
		t.Error("a rule for a package that is not there passed")
	}
}

func TestNamesFindUses(t *testing.T) {
	const source = `package p

import (
	"fmt"
	"os"
	other "log"
	"example.org/log"
)

type local struct{ Exit func(int) }

func f(w *os.File) {
	fmt.Fprintln(w)
	fmt.Println(os.Getenv("HOME"))
	other.Fatal()
	log.Fatal()
	println()
	os.Remove("x")
	{
		os := local{}
		os.Exit(1)
		println := func() {}
		println()
	}
	exit := os.Exit
	exit(1)
}
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := forCommands.Uses(Package{ImportPath: "m/p", Dir: dir, GoFiles: []string{"p.go"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"m/p/p.go:14: fmt.Println", "m/p/p.go:14: os.Getenv", "m/p/p.go:15: other.Fatal",
		"m/p/p.go:17: println", "m/p/p.go:25: os.Exit",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

func TestLoadReportsGoList(t *testing.T) {
	if _, err := Load(t.Context(), t.TempDir(), "./..."); err == nil {
		t.Error("a directory outside any module loaded")
	}
}
