package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// failure is an error that a user can meet.
type failure struct {
	name    string
	args    string // DIR is the test's directory, HOST a registry's address
	code    int
	message string // a regular expression; so is the hint, and "" wants none
	hint    string
}

var failures = []failure{
	{"no image", "build", exitUsage, `banger build needs IMAGE; see banger build --help`, ""},
	{"two images", "build one two", exitUsage, `takes one IMAGE, not 2`, ""},
	{"unknown flag", "build --nonsense oci:img", exitUsage, `banger build has no flag --nonsense`, ""},
	{"unknown command", "nonsense", exitUsage, `unknown command "nonsense"; see banger help`, ""},
	{"flag without value", "build oci:img --size", exitUsage, `flag --size needs a value`, ""},
	{"no number", "build oci:img --inodes many", exitUsage, `invalid value "many" for flag --?inodes`, ""},
	{"negative number", "build oci:img --inodes=-1", exitUsage, `--inodes -1 is negative`, ""},
	{"size", "build oci:img --size huge", exitUsage, `--size is auto or a size such as 512M or 2G, not "huge"`, ""},
	{"free beside size", "build oci:img --size 1G --free 1M", exitUsage, `--free is for --size auto`, ""},
	{"option form", "build oci:img --opt label", exitUsage, `--opt is KEY=VALUE, not "label"`, ""},
	{"unknown option", "build oci:img --opt nosuch=1", exitUsage, `unknown option "nosuch": the builder takes label`, ""},
	{"unknown builder", "build oci:img -b nosuch", exitUsage, `unknown builder "nosuch": there is debugfs, e2fs`, `put banger-builder-nosuch into `},
	{"unknown scheme", "build wibble:wobble/x", exitUsage, `wibble`, `oci:DIR|`},
	{"bad reference", "build UPPER/case", exitUsage, `bad image reference`, `|.`},
	{"bad platform", "build oci:img --platform vax", exitUsage, `platform "vax" is not of the form linux/amd64`, ""},
	{"output to stdout", "build oci:img -o -", exitUsage, `an image does not go to standard output`, ""},
	{"output is a directory", "build oci:img -o DIR", exitUsage, `is a directory`, ""},
	{"same file twice", "build oci:img -o x --losses ./x", exitUsage, `--output and --losses are both ./x`, ""},
	{"embedded where it cannot be", "build oci:img --embed-config etc/x", exitUsage, `bad path for the embedded config: "etc/x"`, `name a file from the image's root`},
	{"unknown shell", "completion tcsh", exitUsage, `bash, fish, zsh, not for "tcsh"`, ""},
	{"unreadable configuration", "env --config nowhere", exitUsage, `--config: .*nowhere.*no such file`, `name a file that you can read`},
	{"misspelt setting", "env --config typo.toml", exitUsage, `typo.toml: there is no setting "bilder"; is it "builder"\?`, `see docs/configuration.md`},

	{"no layout", "build oci:nowhere", exitNotFound, `nowhere`, ""},
	{"no archive", "build docker-archive:nowhere.tar", exitNotFound, `nowhere.tar`, ""},
	{"no tag", "build oci:img:nosuch", exitNotFound, `nosuch`, ""},
	{"no platform", "build oci:img --platform linux/s390x", exitNotFound, `no image for linux/s390x`, ""},
	{"not in the registry", "build HOST/missing:1", exitNotFound, `HOST/missing:1.*not found`, ""},
	{"wants a login", "build HOST/denied:1", exitAuth, `HOST/denied:1.*access denied`, `log ?in`},
	{"limits the rate", "build HOST/limited:1", exitNetwork, `rate limit`, `log ?in|wait`},
	{"no registry", "build 127.0.0.1:1/x:1", exitNetwork, `127.0.0.1:1.*refused`, ""},

	{"an image that lies", "build oci:flipped", exitOther, `sha256:[0-9a-f]{64}.*digest`, ""},
	{"an image that escapes", "build oci:climbing", exitOther, `"a/b"`, `--unsafe-paths contain`},
	{"a bomb", "build oci:bomb", exitOther, `grow|ratio`, `--limit-ratio`},
	{"output nowhere", "build oci:img -o nowhere/x", exitOther, `write output: .*nowhere`, ""},
	{"losses nowhere", "build oci:img --losses nowhere/x", exitOther, `write output: .*nowhere`, ""},

	{"too small", "build oci:img --size 1M", exitUsage, `ext4 size 1048576 below minimum 67108864`, `ask for at least 64M`},
	{"too few inodes", "build oci:img --inodes 1", exitBuilder, `1 inodes are asked for and the tree needs [0-9]+`, `ask for at least [0-9]+ inodes`},
	{"label", "build oci:img --opt label=seventeen-letters", exitUsage, `label="seventeen-letters": want at most 16 bytes`, ""},
	{"broken builder", "build oci:img --plugin-dir plugins -b broken", exitBuilder, `builder broken: .*exit status 3`, `|.`},
	{"builder that is no program", "build oci:img --plugin-dir plugins -b data", exitBuilder, `builder data: start: .*neither a program for this machine nor a script`, `|.`},

	{"store that is none", "build oci:img --store DIR", exitStore, `open store: .*it has no VERSION but holds`, `name an empty or a new directory`},
	{"store of another version", "build oci:img --store future", exitStore, `its VERSION says "banger store 9`, `use the program that made it`},
	{"store in a file", "build oci:img --store typo.toml", exitStore, `open store: `, `name a directory that you may write to`},
}

// TestErrors holds the errors that a user can meet to exit code, message and
// hint; those that need a damaged host are in the scripts doctor, info and
// tools, TestNoSpace and TestInterrupt. It says nothing on standard output, shows no stack, and is one
// error.
func TestErrors(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	dir := t.TempDir()
	for _, kind := range []string{"good", "flipped", "climbing", "bomb"} {
		if err := writeImage(filepath.Join(dir, strings.Replace(kind, "good", "img", 1)), kind); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"typo.toml": "bilder = \"e2fs\"\n", "future/VERSION": "banger store 9\n",
		"plugins/banger-builder-broken": "#!/bin/sh\nexit 3\n", "plugins/banger-builder-data": "\x00",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	host := badRegistry(t)
	fill := strings.NewReplacer("DIR", dir, "HOST", host)
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, strings.Fields(fill.Replace(f.args))...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=")
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != f.code {
				t.Errorf("exit code %d, want %d", code, f.code)
			}
			f.check(t, stdout.String(), stderr.String(), fill)
		})
	}
}

func (f failure) check(t *testing.T, stdout, stderr string, fill *strings.Replacer) {
	t.Helper()
	message, hint, _ := strings.Cut(stderr, "banger: hint: ")
	if !regexp.MustCompile(`(?m)^banger: error: .*(` + fill.Replace(f.message) + ")").MatchString(message) {
		t.Errorf("message %q does not match %q", message, f.message)
	}
	if (f.hint == "") != (hint == "") && f.hint != `|.` || !regexp.MustCompile(f.hint).MatchString(hint) {
		t.Errorf("hint %q, want %q", hint, f.hint)
	}
	if stdout != "" || strings.Count(stderr, "banger: error: ") != 1 || strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic") {
		t.Errorf("standard output %q, standard error\n%s", stdout, stderr)
	}
}

// badRegistry answers for repositories as their names say, and returns its
// address.
func badRegistry(t *testing.T) string {
	t.Helper()
	status := map[string]int{"missing": http.StatusNotFound, "denied": http.StatusForbidden, "limited": http.StatusTooManyRequests}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, code := range status {
			if strings.Contains(r.URL.Path, "/"+name+"/") {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(code)
				fmt.Fprintf(w, `{"errors":[{"code":"UNKNOWN","message":"the registry says %s"}]}`, name)
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}
