package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/registrytest"
)

// failure is an error that a user can meet.
type failure struct {
	name string
	// args are a command line. What of the form NAME=VALUE stands before the
	// command is its environment; FAULT=NAME gives the registry that fault, or
	// with "none" no fault, and the command a store of its own. For the other words in capitals see
	// [failurePlace].
	args    string
	code    int
	message string // a regular expression; so is the hint, and "" wants none
	hint    string
}

// failures are all that TestErrors holds the command to.
func failures() []failure {
	return slices.Concat(usageFailures, placeFailures, imageFailures, registryFailures, offlineFailures, builderFailures, storeFailures)
}

// TestErrors holds the errors that a user can meet to exit code, message and
// hint. Each is one error, and shows no stack; but for differences that were
// found, nothing is on standard output. [unheard] finds what no row has.
func TestErrors(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	p := newFailurePlace(t)
	heard := []string{}
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			stdout, stderr, code := p.run(t, f.args)
			if code != f.code {
				t.Errorf("exit code %d, want %d", code, f.code)
			}
			f.check(t, stdout, stderr, p.fill)
			heard = append(heard, stderr)
		})
	}
	if len(heard) == len(failures()) { // and not only some were asked for
		unheard(t, heard)
	}
}

func (f failure) check(t *testing.T, stdout, stderr string, fill *strings.Replacer) {
	t.Helper()
	message, hint, _ := strings.Cut(stderr, "banger: hint: ")
	if !regexp.MustCompile(`(?m)^banger: error: .*(` + fill.Replace(f.message) + ")").MatchString(message) {
		t.Errorf("message %q does not match %q", message, f.message)
	}
	if (f.hint == "") != (hint == "") || !regexp.MustCompile(fill.Replace(f.hint)).MatchString(hint) {
		t.Errorf("hint %q, want %q", hint, f.hint)
	}
	if strings.Count(stderr, "banger: error: ") != 1 || strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic") {
		t.Errorf("standard error\n%s", stderr)
	}
	if stdout != "" && f.code != exitDifference && !strings.Contains(stdout, "FAIL") {
		t.Errorf("standard output %q", stdout)
	}
}

// failurePlace is where the commands of the table run.
type failurePlace struct {
	bin, dir string
	registry *registrytest.Fake
	fill     *strings.Replacer
}

// newFailurePlace makes a directory with what the table's command lines name
// in small letters, and what they name in capitals: HERE, that directory; REGISTRY,
// one with the images; UNTRUSTED, one whose certificate nobody vouches for, at
// UNTRUSTEDPORT; OTHERCA, a certificate that is not its own; NODIGEST, the hex
// digits of nothing; LONGNAME, what no host may be called.
func newFailurePlace(t *testing.T) *failurePlace {
	t.Helper()
	p := &failurePlace{bin: bangertest.Binary(t), dir: t.TempDir(), registry: registrytest.NewFake()}
	t.Cleanup(p.registry.Close)
	p.images(t)
	p.files(t)
	tls := untrusted(t)
	_, port, _ := strings.Cut(tls, ":")
	other, _ := registrytest.Certificate(t)
	p.fill = strings.NewReplacer("UNTRUSTEDPORT", port, "UNTRUSTED", tls, "OTHERCA", other,
		"NODIGEST", strings.Repeat("0", 64), "LONGNAME", strings.Repeat("x", 64), "HERE", p.dir, "REGISTRY", p.registry.Host())
	return p
}

func (p *failurePlace) run(t *testing.T, line string) (stdout, stderr string, code int) {
	t.Helper()
	words := strings.Fields(p.fill.Replace(line))
	env := []string{"HOME=" + filepath.Join(p.dir, "home"), "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "DOCKER_CONFIG="}
	fault := ""
	for name, value, ok := strings.Cut(words[0], "="); ok && name == strings.ToUpper(name); name, value, ok = strings.Cut(words[0], "=") {
		if name == "FAULT" {
			fault = strings.Replace(value, "none", "", 1)
			env = append(env, "BANGER_STORE="+t.TempDir())
		}
		env, words = append(env, words[0]), words[1:]
	}
	if err := p.registry.Break(fault); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.bin, words...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
