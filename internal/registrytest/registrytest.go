// Package registrytest runs Debian's docker-registry for tests, the real
// thing, on the loopback interface.
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

// Start runs a registry on a port of its own of this machine until the test
// ends and returns its "HOST:PORT". With the path of an htpasswd file it wants
// one of its users; see [Htpasswd].
func Start(t testing.TB, htpasswd string) string {
	t.Helper()
	program := need.Tool(t, "docker-registry", "docker-registry")
	dir := t.TempDir()
	config := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '127.0.0.1:0'}\n", dir)
	if htpasswd != "" {
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", htpasswd)
	}
	path := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
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
