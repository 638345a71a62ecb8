// Package registrytest has registries for tests on the loopback interface:
// Debian's docker-registry, the real thing, and one that fails and lies.
package registrytest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"banger/internal/need"
)

// Config says what a real registry is like. The zero value lets everybody in
// by plain HTTP.
type Config struct {
	Htpasswd         string // file of users, one of whom it wants; see [Htpasswd]
	Certificate, Key string // files for TLS; see [Certificate]
}

// yaml is the configuration file of docker-registry (its configuration.md).
func (c Config) yaml(root string) string {
	s := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}}\n", root)
	s += "http:\n  addr: '127.0.0.1:0'\n"
	if c.Certificate != "" {
		s += fmt.Sprintf("  tls: {certificate: %s, key: %s}\n", c.Certificate, c.Key)
	}
	if c.Htpasswd != "" {
		s += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", c.Htpasswd)
	}
	return s
}

// Start runs a registry on a port of its own of this machine until the test
// ends and returns its "HOST:PORT".
func Start(t testing.TB, c Config) string {
	t.Helper()
	program := need.Tool(t, "docker-registry", "docker-registry")
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(path, []byte(c.yaml(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "serve", path)
	log := newPortLog()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	select {
	case addr := <-log.addr:
		return addr
	case <-time.After(20 * time.Second):
		t.Fatalf("docker-registry does not say that it listens: %s", log)
		return ""
	}
}

// Htpasswd makes a password file with one user and returns its path.
func Htpasswd(t testing.TB, user, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "htpasswd")
	cmd := exec.CommandContext(t.Context(), need.Tool(t, "htpasswd", "apache2-utils"), "-Bbc", path, user, password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("htpasswd: %v\n%s", err, out)
	}
	return path
}

// portLog finds the address in what docker-registry logs.
type portLog struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	addr chan string
}

func newPortLog() *portLog { return &portLog{addr: make(chan string, 1)} }

var listens = regexp.MustCompile(`listening on (127\.0\.0\.1:[0-9]+)`)

func (l *portLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	if m := listens.FindSubmatch(l.buf.Bytes()); m != nil {
		select {
		case l.addr <- string(m[1]):
		default:
		}
	}
	return len(p), nil
}

func (l *portLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
