package sdk_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryTypeHasAnExample: whoever reads the documentation of an exported
// type finds an example that runs. A package without types has one of each of
// its functions.
func TestEveryTypeHasAnExample(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "tree", "treetar", "sdktest"} {
		p, examples := documented(t, dir)
		var names []string
		for _, typ := range p.Types {
			names = append(names, typ.Name)
		}
		if len(names) == 0 {
			for _, f := range p.Funcs {
				names = append(names, f.Name)
			}
		}
		if len(names) == 0 {
			t.Errorf("package %s exports nothing", p.Name)
		}
		for _, name := range names {
			if !slices.ContainsFunc(examples, func(e *doc.Example) bool { return runs(e) && of(e, name) }) {
				t.Errorf("%s.%s has no example with an output", p.Name, name)
			}
		}
	}
}

// of tells an example of a type, or of one of its methods.
func of(e *doc.Example, name string) bool {
	return e.Name == name || strings.HasPrefix(e.Name, name+"_")
}

// runs tells an example that go test runs, and holds to an output.
func runs(e *doc.Example) bool { return e.Output != "" && !e.EmptyOutput }

// documented reads a package's documentation and its examples.
func documented(t *testing.T, dir string) (*doc.Package, []*doc.Example) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var code, tests []*ast.File
	for _, path := range paths {
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			tests = append(tests, f)
		} else {
			code = append(code, f)
		}
	}
	p, err := doc.NewFromFiles(fset, code, "banger/sdk/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, doc.Examples(tests...)
}
