package source_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"banger/core/source"
)

// helpers is a keychain of one file, with helpers that are shell scripts by
// their names.
func helpers(t *testing.T, file string, scripts map[string]string) (*source.Credentials, *[]string) {
	t.Helper()
	dir := t.TempDir()
	for script, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+script), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var warnings []string
	return &source.Credentials{
		Paths: []string{tempFile(t, "config.json", []byte(file))},
		Helper: func(program string) (string, error) {
			path := filepath.Join(dir, program)
			_, err := os.Stat(path)
			return path, err
		},
		Warn: func(text string) { warnings = append(warnings, text) },
	}, &warnings
}

// giving is a helper that gives the host it is asked for as the user.
const giving = `read -r host; [ "$1" = get ] && printf '{"ServerURL":"x","Username":"%s","Secret":"hush"}' "$host"`

func TestCredentialHelpers(t *testing.T) {
	const inFile = `"auths":{"own.example":{"username":"file","password":"x"},"other.example":{"username":"file","password":"x"},"other.example:1":{}}`
	for _, c := range []struct {
		name, file, ref, user, token, warning string
		scripts                               map[string]string
	}{
		{name: "of one registry", file: `{"credHelpers":{"own.example":"a"}}`, ref: "own.example/x", user: "own.example", scripts: map[string]string{"a": giving}},
		{name: "not of another", file: `{"credHelpers":{"own.example":"a"}}`, ref: "other.example/x", scripts: map[string]string{"a": giving}},
		{name: "of all", file: `{"credsStore":"a"}`, ref: "other.example:1/x", user: "other.example:1", scripts: map[string]string{"a": giving}},
		{name: "of Docker Hub", file: `{"credsStore":"a"}`, ref: "alpine", user: "https://index.docker.io/v1/", scripts: map[string]string{"a": giving}},
		{name: "of Docker Hub alone", file: `{"credHelpers":{"docker.io":"a"}}`, ref: "alpine", user: "https://index.docker.io/v1/", scripts: map[string]string{"a": giving}},
		{
			name: "before the file itself", file: `{"credsStore":"b","credHelpers":{"own.example":"a"},` + inFile + `}`, ref: "own.example/x", user: "own.example",
			scripts: map[string]string{"a": giving, "b": "exit 1"},
		},
		{
			name: "that has nothing", file: `{"credsStore":"a",` + inFile + `}`, ref: "other.example/x", user: "file",
			scripts: map[string]string{"a": `echo "credentials not found in native keychain"; exit 1`},
		},
		{name: "with a token", file: `{"credsStore":"a"}`, ref: "own.example/x", token: "T", scripts: map[string]string{"a": `echo '{"Username":"<token>","Secret":"T"}'`}},
		{name: "missing", file: `{"credsStore":"gone",` + inFile + `}`, ref: "other.example/x", user: "file", warning: "docker-credential-gone"},
		{name: "missing, and nothing else", file: `{"credsStore":"gone"}`, ref: "other.example/x", warning: "it is not installed"},
		{name: "failing", file: `{"credsStore":"a"}`, ref: "other.example/x", warning: "exit status 3", scripts: map[string]string{"a": "echo hush; echo hush >&2; exit 3"}},
		{name: "babbling", file: `{"credsStore":"a"}`, ref: "other.example/x", warning: "no form that is known", scripts: map[string]string{"a": "echo hush"}},
		{name: "endless", file: `{"credsStore":"a"}`, ref: "other.example/x", warning: "docker-credential-a", scripts: map[string]string{"a": "yes hush"}},
		{name: "elsewhere", file: `{"credsStore":"../../bin/sh"}`, ref: "other.example/x", warning: "no name of a program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, warnings := helpers(t, c.file, c.scripts)
			got := resolved(t, k, c.ref)
			if got == nil {
				got = &authn.AuthConfig{}
			}
			if got.Username != c.user || got.IdentityToken != c.token {
				t.Errorf("%+v, want %q or token %q", got, c.user, c.token)
			}
			_ = resolved(t, k, c.ref)
			all := strings.Join(*warnings, "\n")
			if !strings.Contains(all, c.warning) || (c.warning == "") != (all == "") || len(*warnings) > 1 {
				t.Errorf("warnings %q, want one with %q", *warnings, c.warning)
			}
			if strings.Contains(all, "hush") {
				t.Errorf("the warning repeats what the helper printed: %s", all)
			}
		})
	}
}

// A helper that waits for somebody ends with the context.
func TestHangingHelper(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	k, _ := helpers(t, `{"credsStore":"a"}`, map[string]string{"a": fmt.Sprintf("touch %s; exec sleep 600", started)})
	ctx, cancel := context.WithCancelCause(t.Context())
	quit := errors.New("the user has had enough")
	go func() {
		for {
			if _, err := os.Stat(started); err == nil || t.Context().Err() != nil {
				cancel(quit)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	n, err := name.ParseReference("own.example/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.ResolveContext(ctx, n.Context()); !errors.Is(err, quit) {
		t.Errorf("error %v, want the cause of the context", err)
	}
}
