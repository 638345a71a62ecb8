package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"banger/internal/hint"
	"banger/internal/need"
	"banger/sdk"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := find(t, h, "talks")
	req, rec := request(t)
	var err error
	if req.Options, err = b.Check(map[string]string{"label": "mine"}, sdk.SizePlan{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Build(t.Context(), b, req); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(req.Output); err != nil || string(got) != "image" {
		t.Errorf("image is %q, %v", got, err)
	}
	if !strings.Contains(rec.log(), "label is mine") {
		t.Errorf("log is %q", rec.log())
	}
	want := sdk.Loss{Path: "a/\xff", Field: "xattr:user.\xfe", Wanted: "0:0", Got: "1:1", Why: "no root"}
	if len(rec.losses) != 100_000 || rec.losses[99_999] != want {
		t.Errorf("%d losses, the first %v", len(rec.losses), rec.losses[0])
	}
	if len(rec.progress) != 1 || rec.progress[0] != (sdk.Progress{Phase: "writing\ufffd[2J", Done: 3, Total: 3}) {
		t.Errorf("progress is %+v", rec.progress)
	}
}

func TestBuildFormat(t *testing.T) {
	t.Parallel()
	h := install(t, "ext4")
	req, _ := request(t)
	if err := h.Build(t.Context(), known(t, h, "ext4"), req); err != nil {
		t.Fatal(err)
	}
}

// Every builder here describes itself well and then fails in its own way.
func TestBuildFailures(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		want []string // in the error
		exit string
	}{
		{"fails", []string{"build: disk \ufffd[31mon fire"}, ""},
		{"panics", []string{"panic: oh no"}, ""},
		{"panics-aside", []string{"ended unexpectedly (exit status 2)", "| panic: aside", "goroutine "}, "exit status 2"},
		{"exits-0", []string{"ended unexpectedly (exit status 0)"}, "exit status 0"},
		{"is-killed", []string{"ended unexpectedly (signal: killed)", "| about to \ufffd[5mdie"}, "signal: killed"},
		{"no-image", []string{"left no image"}, ""},
		{"symlink", []string{"no regular file"}, ""},
		{"directory", []string{"no regular file"}, ""},
		{"fifo", []string{"no regular file"}, ""},
		{"hardlink", []string{"2 names"}, ""},
		{"empty", []string{"is empty"}, ""},
		{"bad-magic", []string{"is no application/vnd.banger.image.ext4"}, ""},
		{"bad-erofs", []string{"is no application/vnd.banger.image.erofs"}, ""},
		{"bad-squashfs", []string{"is no application/vnd.banger.image.squashfs"}, ""},
		{"elsewhere", []string{"left no image"}, ""},
		{"device", []string{"no regular file"}, ""},
		{"wrong-size", []string{"has 5 bytes, and it promised 6"}, ""},
		{"two-results", []string{"two results"}, ""},
		{"chatty-end", []string{"went on after its result"}, ""},
		{"no-result", []string{"without a result"}, ""},
		{"huge-message", []string{"too large a message"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "device" {
				need.Root(t) // to make one
			}
			h := install(t, c.name)
			req, _ := request(t)
			err := h.Build(t.Context(), known(t, h, c.name), req)
			checkFailure(t, err, c.want...)
			if e := (*Error)(nil); errors.As(err, &e) && e.Exit != c.exit {
				t.Errorf("exit is %q, want %q", e.Exit, c.exit)
			}
		})
	}
}

// checkFailure wants an error of a builder that holds these texts and nothing
// that a terminal would act on.
func checkFailure(t *testing.T, err error, want ...string) {
	t.Helper()
	if !errors.Is(err, ErrBuilder) {
		t.Fatalf("error is %v, want ErrBuilder", err)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error is\n%v\nwithout %q", err, text)
		}
	}
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' }); i >= 0 {
		t.Errorf("control character at %d in %q", i, err.Error())
	}
}

func TestBuildErrorHasHint(t *testing.T) {
	t.Parallel()
	h := install(t, "fails")
	req, _ := request(t)
	if err := h.Build(t.Context(), known(t, h, "fails"), req); hint.Of(err) != "use water" {
		t.Errorf("hint of %v is %q", err, hint.Of(err))
	}
}

// TestBuilderBlamesTheUser: all that comes of it is another kind of error, of a
// build alone.
func TestBuilderBlamesTheUser(t *testing.T) {
	h := install(t, "invalid", "fails", "invalid-describe")
	for name, want := range map[string]bool{"invalid": true, "fails": false} {
		req, _ := request(t)
		err := h.Build(t.Context(), known(t, h, name), req)
		if errors.Is(err, ErrInvalid) != want || !errors.Is(err, ErrBuilder) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: error %v", name, err)
		}
		if want && (hint.Of(err) != "ask for more" || !strings.Contains(err.Error(), "few inodes")) {
			t.Errorf("%s: error %v, hint %q", name, err, hint.Of(err))
		}
	}
	if _, err := h.Find(t.Context(), "invalid-describe"); errors.Is(err, ErrInvalid) || !errors.Is(err, ErrBuilder) {
		t.Errorf("describe: error %v", err)
	}
}

func TestPanicIsLogged(t *testing.T) {
	t.Parallel()
	h := install(t, "panics")
	req, rec := request(t)
	checkFailure(t, h.Build(t.Context(), known(t, h, "panics"), req))
	if !strings.Contains(rec.log(), "fakes_test.go") {
		t.Errorf("no stack in the log:\n%s", rec.log())
	}
}

func TestOddEventsDoNoHarm(t *testing.T) {
	t.Parallel()
	h := install(t, "odd-events")
	req, rec := request(t)
	if err := h.Build(t.Context(), known(t, h, "odd-events"), req); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(rec.logged, func(line string) bool { return strings.HasPrefix(line, "\ufffd[31mxxx") }) {
		t.Errorf("the log lacks the line: %.100q", rec.log())
	}
	for _, line := range rec.logged {
		if len(line) > maxLine || strings.ContainsRune(line, '\x1b') {
			t.Errorf("line of %d bytes: %.50q", len(line), line)
		}
	}
}

func TestMissingToolStopsBuild(t *testing.T) {
	t.Parallel()
	h := install(t, "needs-tool")
	req, _ := request(t)
	err := h.Build(t.Context(), find(t, h, "needs-tool"), req)
	if !errors.Is(err, ErrToolMissing) || errors.Is(err, ErrBuilder) || hint.Of(err) != "install none-progs" {
		t.Errorf("error is %v with hint %q", err, hint.Of(err))
	}
}

func TestBuilderChangedAfterFind(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := known(t, h, "talks")
	replaceByScript(t, b.Path, "exit 0")
	req, _ := request(t)
	checkFailure(t, h.Build(t.Context(), b, req), "has changed")
}

func TestBuildRefusesExistingOutput(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	req, _ := request(t)
	if err := os.WriteFile(req.Output, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Build(t.Context(), known(t, h, "talks"), req); err == nil {
		t.Error("built over an existing file")
	}
}

func TestNoiseIsBoundedAndClean(t *testing.T) {
	t.Parallel()
	h := install(t, "noisy")
	req, rec := request(t)
	if err := h.Build(t.Context(), known(t, h, "noisy"), req); err != nil {
		t.Fatal(err)
	}
	for _, line := range rec.logged {
		if len(line) > maxLine || strings.ContainsAny(line, "\x1b\x07\n") {
			t.Errorf("line of %d bytes: %.50q", len(line), line)
		}
	}
	for _, want := range []string{"xxxx", "\ufffd]0;title\ufffd\ufffd\ufffd after", "line 19999", "yyyy"} {
		if !strings.Contains(rec.log(), want) {
			t.Errorf("log lacks %q", want)
		}
	}
}

func TestStdoutAfterHandshakeIsLogged(t *testing.T) {
	t.Parallel()
	h := install(t, "prints")
	req, rec := request(t)
	if err := h.Build(t.Context(), known(t, h, "prints"), req); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(rec.log(), "to the real stdout") {
		t.Errorf("log is %q", rec.log())
	}
}

func TestSurroundings(t *testing.T) {
	t.Setenv("REGISTRY_TOKEN", "secret")
	t.Setenv("BANGER_STORE", "secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	h := install(t, "surroundings")
	req, _ := request(t)
	if err := h.Build(t.Context(), known(t, h, "surroundings"), req); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(req.Output)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("secrets in the environment:\n%s", text)
	}
	for _, want := range []string{
		"LC_ALL=C", "TZ=UTC", fileVar + "=" + known(t, h, "surroundings").Path, "PATH=" + h.cfg.ToolPath, "TMPDIR=" + req.Scratch,
		"cwd=" + req.Scratch, "stdin=/dev/null", "leader=true",
	} {
		if !strings.Contains("\n"+string(text), "\n"+want+"\n") {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	known := []string{"PATH", "LC_ALL", "TZ", "TMPDIR", "HOME", "BANGER_BUILDER", fileVar, "PWD", "GORACE", fakeVar, "cwd", "stdin", "leader"}
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(line, "="); !slices.Contains(known, name) {
			t.Errorf("unexpected %s", line)
		}
	}
}

func TestLongTempDir(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	h.cfg.TempDir = t.TempDir() + strings.Repeat("/long-name", 15)
	if err := os.MkdirAll(h.cfg.TempDir, 0o700); err != nil {
		t.Fatal(err)
	}
	known(t, h, "talks")
}

func TestBuildWithEndedContext(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := known(t, h, "talks")
	req, _ := request(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Build(ctx, b, req); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBuilder) {
		t.Errorf("error is %v", err)
	}
}
