package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// TestREADME runs the README's banger commands as they are written there,
// against a Docker Hub of the test's own.
func TestREADME(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	image := readmeImage(t, filepath.Join(dir, "img"))
	saveArchive(t, filepath.Join(dir, "saved.tar.gz"), image)
	env := append(os.Environ(), dockerHub(t, image)...)
	env = append(env, "HOME="+dir, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH")+":/usr/sbin")
	count := 0
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "    banger ")
		if !ok {
			continue
		}
		count++
		cmd := exec.CommandContext(t.Context(), need.Tool(t, "bash", "bash"), "-o", "pipefail", "-ec", "banger "+command)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("banger %s: %v\n%s", command, err, out)
		}
	}
	if count < 10 {
		t.Errorf("the README has only %d commands", count)
	}
	for _, name := range []string{"rootfs.ext4", "r.ext4", "run.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// readmeImage is an image of the tests.
func readmeImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	if err := writeImage(dir, "good"); err != nil {
		t.Fatal(err)
	}
	index, err := ocilayout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// saveArchive writes what docker save piped into gzip leaves.
func saveArchive(t *testing.T, path string, image v1.Image) {
	t.Helper()
	tag, err := name.NewTag("alpine:3.20")
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if err := tarball.Write(tag, image, z); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hubHost is where references without a host lead.
const hubHost = "index.docker.io"

// dockerHub serves alpine:3.20 for two platforms, over TLS and behind a proxy
// that takes every host for it. It returns the variables that lead there.
func dockerHub(t *testing.T, image v1.Image) []string {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	hub := registry.New(registry.Logger(quiet))
	plain := httptest.NewServer(hub)
	t.Cleanup(plain.Close)
	var platforms []mutate.IndexAddendum
	for _, arch := range []string{"amd64", "arm64"} {
		platforms = append(platforms, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	ref, err := name.NewTag(strings.TrimPrefix(plain.URL, "http://") + "/library/alpine:3.20")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, mutate.AppendManifests(empty.Index, platforms...), remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(hub)
	cert, file := certificate(t)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(tunnel(secure.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	return []string{"HTTPS_PROXY=" + proxy.URL, "NO_PROXY=", "SSL_CERT_FILE=" + file}
}

// tunnel is a proxy that connects to addr, whatever it is asked for.
func tunnel(addr string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", addr)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		// What the client sends as soon as it hears the status may have been read.
		go func() { _, _ = io.Copy(there, buffered.Reader); _ = there.Close() }()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	})
}

// certificate makes one for hubHost that signs itself, and returns the file of
// it, too.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{hubHost}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
