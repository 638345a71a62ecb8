package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testsOfAllKinds = `package p

import "testing"

func TestPasses(t *testing.T) { t.Log("said by a test that passes") }
func TestSkips(t *testing.T)  { t.Skip("needs a tool") }
func TestFails(t *testing.T)  { t.Run("inner", func(t *testing.T) { t.Error("said by a test that fails") }) }
func TestBare(t *testing.T)   { t.SkipNow() }
`

// module writes a Go module with one test file and enters it.
func module(t *testing.T, source string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p_test.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func TestReportsAsGoTestWithSkips(t *testing.T) {
	module(t, testsOfAllKinds)
	var out bytes.Buffer
	status, err := run(t.Context(), []string{"-count=1", "-shuffle=7", "."}, &out)
	if err != nil || status != 1 {
		t.Errorf("status %d, error %v, want status 1", status, err)
	}
	want := `    p_test.go:7: said by a test that fails
--- FAIL: TestFails/inner
--- FAIL: TestFails
-test.shuffle 7
FAIL
FAIL	p	
1 tests passed, 2 were skipped
skipped: p TestSkips: p_test.go:6: needs a tool
skipped: p TestBare: no reason given
`
	got := regexp.MustCompile(` ?\(?\d+\.\d+s\)?`).ReplaceAllString(out.String(), "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestStatusIsGoTests(t *testing.T) {
	tests := []struct {
		name, source string
		status       int
		says         string
	}{
		{"passes", "package p\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) {}\n", 0, "1 tests passed, 0 were skipped"},
		{"does not compile", "package p\n\nvar x int = \"text\"\n", 1, "cannot use \"text\""},
		{"panics", "package p\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) { panic(\"at once\") }\n", 1, "panic: at once"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			module(t, test.source)
			var out bytes.Buffer
			status, err := run(t.Context(), []string{"-count=1", "-shuffle=7", "."}, &out)
			if err != nil || status != test.status {
				t.Errorf("status %d, error %v, want status %d", status, err, test.status)
			}
			if test.status == 0 && bytes.Contains(out.Bytes(), []byte("shuffle")) {
				t.Errorf("says how tests were shuffled that all passed:\n%s", out.Bytes())
			}
			if !bytes.Contains(out.Bytes(), []byte(test.says)) {
				t.Errorf("does not say %q:\n%s", test.says, out.Bytes())
			}
		})
	}
}
