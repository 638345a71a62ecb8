package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"banger/core/source"
	"banger/core/source/daemon"
	"banger/internal/hint"
	"banger/internal/need"
)

// fakeDaemon serves the real image as docker would and returns its address.
func fakeDaemon(t testing.TB) string {
	t.Helper()
	archive := alpineArchive(t)
	path := filepath.Join(need.OpenDir(t), "d.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/images/alpine:3.11/json":
			_, _ = fmt.Fprintf(w, `{"Id":%q}`, alpineConfig)
		case "/images/broken/json":
			_, _ = fmt.Fprintf(w, `{"Id":"sha256:%s"}`, strings.Repeat("0", 64))
		case "/images/" + alpineConfig + "/get":
			f, err := os.Open(archive)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(w, z)
		case "/images/sha256:" + strings.Repeat("0", 64) + "/get":
			_, _ = io.WriteString(w, "no archive, but more than nothing")
		default:
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"message":"No such image"}`)
		}
	})}}
	srv.Start()
	t.Cleanup(srv.Close)
	return "unix://" + path
}

func TestDockerDaemon(t *testing.T) {
	o := source.Options{DockerHost: fakeDaemon(t)}
	im := mustOpen(t, "docker-daemon:alpine:3.11", o)
	if ids := check(t, im); len(ids) != 1 || ids[0] != alpineDiffID {
		t.Errorf("diffIDs %v", ids)
	}
	archive := mustOpen(t, "docker-archive:"+alpineArchive(t), source.Options{})
	if im.Manifest().Digest != archive.Manifest().Digest {
		t.Error("the daemon's image and its archive have different digests")
	}
	if im.Name() != "docker-daemon:alpine:3.11" {
		t.Errorf("name %s", im.Name())
	}
	o.Platform = platform(t, "linux/amd64")
	check(t, mustOpen(t, "docker-daemon:alpine:3.11", o))
	o.Platform = platform(t, "linux/arm64")
	_ = wantError(t, "docker-daemon:alpine:3.11", o, source.ErrNotFound, "only one for linux/amd64")
}

func TestDockerDaemonErrors(t *testing.T) {
	o := source.Options{DockerHost: fakeDaemon(t)}
	_ = wantError(t, "docker-daemon:other", o, source.ErrNotFound, "has no other")
	_ = wantError(t, "docker-daemon:../x", o, source.ErrReference, "bad name")
	_ = wantError(t, "docker-daemon:broken", o, source.ErrInvalid, "what the docker daemon saved")
	_ = wantError(t, "docker-daemon:x", source.Options{DockerHost: "ssh://host"}, source.ErrReference, "unix:///PATH or tcp://HOST:PORT")
	gone := source.Options{DockerHost: "unix://" + filepath.Join(t.TempDir(), "none.sock")}
	err := wantError(t, "docker-daemon:x", gone, source.ErrNetwork, "was not reached")
	if !strings.Contains(hint.Of(err), "start the docker daemon") {
		t.Errorf("hint %q", hint.Of(err))
	}
}

func TestDockerDaemonPermission(t *testing.T) {
	err := source.DaemonError(fmt.Errorf("dial: %w", daemon.ErrPermission))
	if want := "add yourself to the group docker and log in again"; !errors.Is(err, source.ErrAuth) || !strings.HasPrefix(hint.Of(err), want) {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
}

// TestDaemonEndsEarly cuts what the daemon saves, where the connection tells
// nothing of it: chunked, or with the end of the connection.
func TestDaemonEndsEarly(t *testing.T) {
	var whole bytes.Buffer
	f, err := os.Open(alpineArchive(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&whole, z); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []int{0, 100, 512 + 100, whole.Len() / 2, whole.Len() - 4096} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/json") {
				_, _ = fmt.Fprintf(w, `{"Id":%q}`, alpineConfig)
				return
			}
			w.(http.Flusher).Flush()
			_, _ = w.Write(whole.Bytes()[:keep])
		}))
		im, err := source.Open(t.Context(), "docker-daemon:alpine:3.11", source.Options{TempDir: in(t.TempDir()), DockerHost: "tcp://" + srv.Listener.Addr().String()})
		if err == nil {
			// Then only what does not belong to the image is missing.
			for i := range im.Manifest().Layers {
				r, openErr := im.OpenLayer(t.Context(), i)
				if openErr != nil {
					t.Fatal(openErr)
				}
				if n, err := io.Copy(io.Discard, r); err != nil || n != im.Manifest().Layers[i].Size {
					t.Errorf("%d bytes kept: layer of %d bytes, %v", keep, n, err)
				}
				_ = r.Close()
			}
			_ = im.Close()
		} else if !errors.Is(err, source.ErrInvalid) && !errors.Is(err, source.ErrNotFound) {
			t.Errorf("%d bytes kept: %v", keep, err)
		}
		if keep < whole.Len()-4096 && err == nil {
			t.Errorf("%d of %d bytes are an image", keep, whole.Len())
		}
		srv.Close()
	}
}
