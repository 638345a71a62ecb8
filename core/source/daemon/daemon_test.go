package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"banger/core/source/daemon"
	"banger/internal/need"
)

const id = "sha256:a187dde48cd289ac374ad8539930628314bc581a481cdb41409c9289419ddb72"

// socketPath is short enough for a unix socket, and open to every user.
func socketPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(need.OpenDir(t), "d.sock")
}

// serve answers as a daemon would on a unix socket and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	path := socketPath(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	srv.Start()
	t.Cleanup(srv.Close)
	return "unix://" + path
}

func client(t testing.TB, host string) *daemon.Client {
	t.Helper()
	c, err := daemon.New(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFindAndSave(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.RawQuery != "" && r.URL.Query().Get("platform") != `{"os":"linux","architecture":"arm","variant":"v7"}`:
			t.Errorf("query %s", r.URL.RawQuery)
		case r.URL.Path == "/images/example.com/a/b:1/json":
			_, _ = fmt.Fprintf(w, `{"Id":%q,"Os":"linux"}`, id)
		case r.URL.Path == "/images/"+id+"/get":
			_, _ = io.WriteString(w, "the archive")
		default:
			w.WriteHeader(404)
			_, _ = fmt.Fprintf(w, `{"message":"No such image: %s"}`, r.URL.Path)
		}
	}
	tcp := httptest.NewServer(http.HandlerFunc(h))
	t.Cleanup(tcp.Close)
	for _, host := range []string{serve(t, h), "tcp://" + strings.TrimPrefix(tcp.URL, "http://")} {
		for _, platform := range []string{"", "linux/arm/v7"} {
			c := client(t, host)
			got, err := c.Find(t.Context(), "example.com/a/b:1", platform)
			if err != nil || got != id {
				t.Fatalf("id %s, %v", got, err)
			}
			var buf bytes.Buffer
			if err := c.Save(t.Context(), got, platform, &buf); err != nil || buf.String() != "the archive" {
				t.Fatalf("saved %q, %v", &buf, err)
			}
			if _, err := c.Find(t.Context(), "other", platform); !errors.Is(err, daemon.ErrNoImage) || !strings.Contains(err.Error(), "has no other") {
				t.Errorf("error %v, want ErrNoImage", err)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, host := range []string{"unix://", "unix://relative", "tcp://", "tcp://a/b", "ssh://host", "https://host", "npipe:////./x", "/var/run/x"} {
		if _, err := daemon.New(host); !errors.Is(err, daemon.ErrAddress) {
			t.Errorf("%s: error %v, want ErrAddress", host, err)
		}
	}
	if _, err := daemon.New(""); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	c := client(t, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	for _, name := range []string{"", "/x", "../x", "a/../b", "a//b", "a b", "a?b", "a#b", "a%2fb", "-x", "a\n"} {
		if _, err := c.Find(t.Context(), name, ""); !errors.Is(err, daemon.ErrName) {
			t.Errorf("%q: error %v, want ErrName", name, err)
		}
	}
}

func TestDaemonFails(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name, text string
		kind       error
		h          http.HandlerFunc
	}{
		{"500", "on fire", daemon.ErrFailed, answer(500, `{"message":"on fire"}`)},
		{"no message", "503 Service Unavailable", daemon.ErrFailed, answer(503, "<html>")},
		{"escape codes", `\x1b`, daemon.ErrFailed, answer(500, `{"message":"\u001b[31m`+strings.Repeat("x", 1000)+`"}`)},
		{"forbidden", "403", daemon.ErrPermission, answer(403, "")},
		{"no JSON", "read what it says", daemon.ErrFailed, answer(200, "<html>")},
		{"no id", "no id", daemon.ErrFailed, answer(200, `{"Id":"../../x"}`)},
		{"cut", "EOF", daemon.ErrFailed, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client(t, serve(t, c.h)).Find(t.Context(), "x", "")
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v with %q", err, c.kind, c.text)
			}
			if strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 500 {
				t.Errorf("unfit for a terminal: %q", err)
			}
		})
	}
}

func TestSaveFails(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if err := client(t, host).Save(t.Context(), id, "", io.Discard); !errors.Is(err, daemon.ErrFailed) {
		t.Errorf("error %v, want ErrFailed", err)
	}
	full := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }
	if err := client(t, serve(t, full)).Save(t.Context(), id, "", fullDisk{}); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, daemon.ErrFailed) {
		t.Errorf("error %v, want ENOSPC alone", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/get") {
			_, _ = io.WriteString(w, "the beginning")
			_ = http.NewResponseController(w).Flush()
		}
		cancel()
		<-r.Context().Done()
	})
	c := client(t, host)
	if err := c.Save(ctx, id, "", io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("save: error %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	if _, err := c.Find(ctx, "x", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("find: error %v, want context.Canceled", err)
	}
}

func TestUnreachable(t *testing.T) {
	if _, err := client(t, "unix://"+socketPath(t)).Find(t.Context(), "x", ""); !errors.Is(err, daemon.ErrUnreachable) {
		t.Errorf("no socket: error %v, want ErrUnreachable", err)
	}
	stale := socketPath(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: stale}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Close(fd); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, "unix://"+stale).Find(t.Context(), "x", ""); !errors.Is(err, daemon.ErrUnreachable) {
		t.Errorf("nobody listens: error %v, want ErrUnreachable", err)
	}
}

// An ordinary user who may not use the socket is told so. Root may, so the
// test runs itself again as nobody.
func TestPermission(t *testing.T) {
	if host := os.Getenv("BANGER_TEST_DOCKER_HOST"); host != "" {
		_, err := client(t, host).Find(t.Context(), "x", "")
		if !errors.Is(err, daemon.ErrPermission) {
			t.Errorf("error %v, want ErrPermission", err)
		}
		return
	}
	host := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	if err := os.Chmod(strings.TrimPrefix(host, "unix://"), 0); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(need.OpenDir(t), "self")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestPermission$")
	cmd.Env = append(os.Environ(), "BANGER_TEST_DOCKER_HOST="+host)
	cmd.Dir = "/"
	need.AsNobody(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
