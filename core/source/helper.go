package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// What credential helpers and their callers have agreed upon (the README and
// credentials/error.go of github.com/docker/docker-credential-helpers): the
// program's name, the name of Docker Hub, the user's name that stands for a
// token, and what a helper says that has nothing.
const (
	helperPrefix    = "docker-credential-"
	helperHub       = "https://" + name.DefaultRegistry + "/v1/"
	helperTokenUser = "<token>"
	helperNothing   = "credentials not found in native keychain"
)

const (
	// helperLimit bounds a helper, some of which ask the user for something.
	helperLimit  = 2 * time.Minute
	maxHelperOut = 1 << 20 // bytes
)

// help asks a credential helper that a file names. It returns nil when that
// has nothing or does not work, which Warn is told: a registry that insists
// on credentials says so itself.
func (c *Credentials) help(ctx context.Context, file, helper, registry string) (authn.Authenticator, error) {
	a, err := c.runHelper(ctx, helper, registry)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("ask credential helper %.40q: %w", helper, context.Cause(ctx))
	}
	if err != nil {
		c.warn(fmt.Sprintf("no credentials from %s, which %s names: %v", helperPrefix+clean(helper, 40), file, err))
		return nil, nil
	}
	return a, nil
}

func (c *Credentials) warn(text string) {
	if _, again := c.warned.LoadOrStore(text, true); !again && c.Warn != nil {
		c.Warn(text)
	}
}

var errNotInstalled = errors.New("it is not installed")

// runHelper runs a helper to its end. No error repeats what the helper
// printed: that may be a secret.
func (c *Credentials) runHelper(ctx context.Context, helper, registry string) (authn.Authenticator, error) {
	if strings.ContainsAny(helper, "/\\") {
		return nil, errors.New("this is no name of a program")
	}
	if c.Helper == nil {
		return nil, errNotInstalled
	}
	path, err := c.Helper(helperPrefix + helper)
	if err != nil {
		return nil, errNotInstalled
	}
	if registry == name.DefaultRegistry {
		registry = helperHub
	}
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "get")
	cmd.Stdin, cmd.Stdout = strings.NewReader(registry), &limitedWriter{&out, maxHelperOut}
	cmd.WaitDelay = time.Second
	switch err := cmd.Run(); {
	case err != nil && strings.TrimSpace(out.String()) == helperNothing:
		return nil, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it did not end within %s", helperLimit)
	case err != nil:
		return nil, err
	}
	return parseHelper(out.Bytes())
}

func parseHelper(out []byte) (authn.Authenticator, error) {
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, errors.New("it answers in no form that is known")
	}
	switch {
	case answer.Secret == "":
		return nil, nil
	case answer.Username == helperTokenUser:
		return authn.FromConfig(authn.AuthConfig{IdentityToken: answer.Secret}), nil
	}
	return authn.FromConfig(authn.AuthConfig{Username: answer.Username, Password: answer.Secret}), nil
}

// limitedWriter fails when more than n bytes are written.
type limitedWriter struct {
	w *bytes.Buffer
	n int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.n -= len(p); l.n < 0 {
		return 0, errors.New("it says too much")
	}
	return l.w.Write(p)
}
