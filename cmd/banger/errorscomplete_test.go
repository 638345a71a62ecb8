package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unheard fails for each text of the program's own errors that no command of
// the table has printed: what usagef, notFound, invalid and missing say, and
// each hint. What needs a damaged host or an image
// that no command line can name is in [elsewhere] with the test that has it.
func unheard(t *testing.T, heard []string) {
	all := strings.Join(heard, "\n")
	used := make(map[string]bool)
	for text, where := range errorTexts(t) {
		if sounds(text, all) {
			continue
		}
		other, ok := elsewhere[text]
		used[text] = true
		if !ok {
			t.Errorf("%s: no row of the table has %q", where, text)
			continue
		}
		test, err := os.ReadFile(filepath.Join("../..", other.test))
		if err != nil || !strings.Contains(string(test), other.has) {
			t.Errorf("%s: %q is not in %s as %q (%v)", where, text, other.test, other.has, err)
		}
	}
	for text := range elsewhere {
		if !used[text] {
			t.Errorf("elsewhere has %q, which is in the table or in no source", text)
		}
	}
}

// verbs are what fmt puts values for.
var verbs = regexp.MustCompile(`%[-+#.0-9]*[a-zA-Z]`)

// sounds reports whether a format was printed.
func sounds(format, all string) bool {
	parts := verbs.Split(strings.ReplaceAll(format, "%%", "%"), -1)
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(strings.Join(parts, `.*`)).MatchString(all)
}

// errorTexts returns the formats of the errors and hints in the program's
// source, with where each stands.
func errorTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	set := token.NewFileSet()
	for _, dir := range []string{"cmd", "core", "cas", "plugins", "internal/ext4", "sdk"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !spoken(path) {
				return err
			}
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			for text, at := range textsOf(set, file) {
				texts[text] = set.Position(at).String()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(texts) < 100 {
		t.Fatalf("only %d texts were found: is the source where it was?", len(texts))
	}
	return texts
}

// spoken tells whether a file is source of the program on Linux, whose errors
// can be met here.
func spoken(path string) bool {
	return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "_darwin.go")
}

func textsOf(set *token.FileSet, file *ast.File) map[string]token.Pos {
	texts := make(map[string]token.Pos)
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if i, ok := speaks[nameOf(call.Fun)]; ok && len(call.Args) > i {
				texts[formatOf(set, call.Args[i])] = call.Pos()
			}
		}
		return true
	})
	return texts
}

// speaks are the functions that make errors and hints, with which argument is
// the text.
var speaks = map[string]int{"usagef": 0, "notFound": 0, "invalid": 0, "missing": 0, "hint.With": 1}

func nameOf(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// formatOf is the text of an expression, with a verb for each part that is not
// a literal; of one without literals, the expression itself.
func formatOf(set *token.FileSet, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return formatPart(set, e.X) + formatPart(set, e.Y)
	case *ast.CallExpr:
		if nameOf(e.Fun) == "fmt.Sprintf" {
			return formatOf(set, e.Args[0])
		}
	}
	var b bytes.Buffer
	_ = printer.Fprint(&b, set, e)
	return "(" + b.String() + ")"
}

func formatPart(set *token.FileSet, e ast.Expr) string {
	if s := formatOf(set, e); !strings.HasPrefix(s, "(") {
		return s
	}
	return "%s"
}

// otherTest is where a text is tested that no command line brings up.
type otherTest struct {
	test string // a file, from the repository's root
	has  string // what stands there of the text
}

var elsewhere = map[string]otherTest{
	// Images in files.
	"%d bytes where %d were promised":                                   {"core/source/manifest_test.go", "were promised"},
	"%.200q is missing in the archive":                                  {"core/source/dockerarchive_test.go", "is missing in the archive"},
	"the archive is damaged after %d members: %w":                       {"core/source/archive_test.go", "damaged after"},
	"%.200q is no name of a member":                                     {"core/source/dockerarchive_test.go", "no name of a member"},
	"the archive has more than %d members, or %d bytes of their names":  {"core/source/archive_test.go", "bytes of their names"},
	"config: rootfs of type %.40q, not layers":                          {"core/source/manifest_test.go", "rootfs of type"},
	"config: diffID %d, %.100q, is not a sha256":                        {"core/source/manifest_test.go", "is not a sha256"},
	"parse config: %w":                                                  {"core/source/manifest_test.go", "parse config"},
	"not a tar archive":                                                 {"core/source/archive_test.go", "not a tar archive"},
	"parse manifest.json: %w":                                           {"core/source/dockerarchive_test.go", "parse manifest.json"},
	"oci-layout: version %.20q is not 1.x":                              {"core/source/layout_test.go", "is not 1.x"},
	"parse index.json: %w":                                              {"core/source/layout_test.go", "parse index.json"},
	"decompress archive: %w":                                            {"core/source/archive_test.go", "decompress archive"},
	"the archive decompresses to more than %d times its size":           {"core/source/spool_test.go", "the archive decompresses to more than 200 times its size"},
	"no image %.100q in the archive: there is %s":                       {"core/source/dockerarchive_test.go", "in the archive: there is"},
	"no image for %s, and %d whose platform the index does not state":   {"core/source/index_test.go", "whose platform the index does not state"},
	"indexes nested in indexes beyond %d levels or %d in all":           {"core/source/index_test.go", "nested in indexes"},
	"%s is neither a file nor a pipe":                                   {"core/source/dockerarchive_test.go", "neither a file nor a pipe"},
	"%s is not a regular file":                                          {"core/source/layout_test.go", "not a regular file"},
	"the archive holds no image":                                        {"core/source/dockerarchive_test.go", "holds no image"},
	"the layout holds no image":                                         {"core/source/layout_test.go", "holds no image"},
	"it is not clear which of %d images is meant: %s":                   {"core/source/dockerarchive_test.go", "images is meant"},
	"the archive has %d layers for the image and its config %d diffIDs": {"core/source/dockerarchive_test.go", "layers for the image and its config"},
	"%.200q is compressed with neither gzip nor zstd":                   {"core/source/dockerarchive_test.go", "neither gzip nor zstd"},
	"(forms)": {"core/source/reference_test.go", "does not list"},

	// Registries and daemons that are not on this machine, or not this user's.
	"the registry speaks plain HTTP; if you trust the network: --plain-http %s":           {"core/source/registrynet_test.go", "the registry speaks plain HTTP; if you trust the network: --plain-http registry.example"},
	"layer %d of %d, %s (%d bytes)":                                                       {"core/source/registrynet_test.go", "does not have layer 2 of 2, sha256:"},
	"(c.rateHint(a.wait))":                                                                {"core/source/faults_test.go", "try again in"},
	"add yourself to the group docker and log in again, or name another daemon's address": {"core/source/dockerdaemon_test.go", "add yourself to the group docker and log in again"},

	// Stores that are full, shared, or below mounts.
	"wait for the other processes that use it, or free some space elsewhere":         {"cas/gchard_test.go", "wait for the other processes that use it, or free some space elsewhere"},
	"wait until it has ended, or run this as that process's user or as root":         {"cas/uses_test.go", "wait until it has ended, or run this as that process's user or as root"},
	"wait for the builds that use it and run it again":                               {"core/cached_test.go", "wait for the builds that use it and run it again"},
	"look for a stopped banger process":                                              {"cas/uses_test.go", "look for a stopped banger process"},
	"keep the store on a local filesystem":                                           {"cas/filesystem_test.go", "keep the store on a local filesystem"},
	"keep all directories of the store on one filesystem":                            {"cas/hostile_test.go", "keep all directories of the store on one filesystem"},
	"free space on the store's filesystem, or use another store":                     {"cas/readonly_test.go", "free space on the store's filesystem, or use another store"},
	"free space there, or choose a place on another filesystem":                      {"cas/readonly_test.go", "free space there, or choose a place on another filesystem"},
	"use a store that you may write to":                                              {"cmd/banger/hostile_test.go", "use a store that you may write to"},
	"have the image copied to a file, with -o FILE":                                  {"cmd/banger/hostile_test.go", "have the image copied to a file, with -o FILE"},
	"run it as a user who may read all of the store":                                 {"cmd/banger/testdata/script/cacheverify.txtar", "run it as a user who may read all of the store"},
	"run it as a user who may write to the store":                                    {"cmd/banger/testdata/script/cacheverify.txtar", "run it as a user who may write to the store"},
	"what was written is not whole; run it again: the damaged layers were set aside": {"core/core_test.go", "what was written is not whole; run it again: the damaged layers were set aside"},

	// Builders that change under the host's eyes, are silent, or lack tools.
	"try again in a moment": {"core/host/program_linux_test.go", "try again in a moment"},
	"run the command again": {"core/host/program_linux_test.go", "run the command again"},
	"a builder calls sdk.Main at once; is this a builder at all?":        {"core/host/find_test.go", "a builder calls sdk.Main at once; is this a builder at all?"},
	"if you trust it: copy it, or have it belong to you or to root":      {"core/host/lock_test.go", "copy it, or have it belong to you or to root"},
	"install a newer e2fsprogs":                                          {"plugins/internal/buildtest/cancel_test.go", "install a newer e2fsprogs"},
	"ask for a size of %dM and %d inodes":                                {"plugins/internal/buildtest/size_test.go", "ask for a size of "},
	"set TMPDIR to a directory that you may write to, with a short path": {"cmd/banger/testdata/script/tmpdir.txtar", "set TMPDIR to a directory that you may write to, with a short path"},
	"(installHint)": {"plugins/internal/e2fsprogs/e2fsprogs_test.go", "install e2fsprogs"},
	"(h)":           {"core/host/build_test.go", "use water"},
	"(t.Hint)":      {"core/host/build_test.go", "install none-progs"},
	"(texts[0])":    {"sdk/server_test.go", "hint.Of(err) != text"},
	"(text)":        {"plugins/internal/buildtest/size_test.go", "ask for a size of "},
	"(k.Fix)":       {"cmd/banger/testdata/script/doctor.txtar", "hint: install e2fsprogs"},

	"refusing to write a tar to a terminal; use -o FILE or redirect": {"cmd/banger/bars_test.go", "refusing to write a tar to a terminal; use -o FILE or redirect"},
	"refusing to write a tree file to a terminal; redirect it":       {"cmd/banger/bars_test.go", "refusing to write a tree file to a terminal; redirect it"},
}

// TestExitCodes wants a row of the table for each documented exit code, but for
// those of a host without a tool and of an interrupted command.
func TestExitCodes(t *testing.T) {
	met := map[int]bool{
		exitOK:          true,
		exitTool:        true, // testdata/script/tools.txtar
		exitInterrupted: true, // TestInterrupt
	}
	for _, f := range failures() {
		met[f.code] = true
	}
	for _, m := range exitMeanings {
		if !met[m.code] {
			t.Errorf("no row has exit code %d: %s", m.code, m.meaning)
		}
	}
	for _, c := range codes {
		if got := exitCode(t.Context(), fmt.Errorf("wrapped: %w", c.err)); got != c.code {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.code)
		}
	}
}
