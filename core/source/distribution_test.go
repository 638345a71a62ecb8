package source_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/core/source"
	"banger/internal/registrytest"
)

func TestDistribution(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // skopeo fails where it may not look for credentials
	host := registrytest.Start(t, registrytest.Config{})
	tar := filepath.Join(t.TempDir(), "docker.tar")
	run(t, "sh", "dash", "-c", `zcat "$1" >"$2"`, "sh", alpineArchive(t), tar)
	ref := host + "/team/alpine:3.11"
	skopeoCopy(t, "docker-archive:"+tar, "docker://"+ref, "--dest-tls-verify=false")
	layout := "oci:" + filepath.Join(t.TempDir(), "zstd") + ":x"
	skopeoCopy(t, "docker-archive:"+tar, layout, "--dest-compress-format", "zstd")
	skopeoCopy(t, layout, "docker://"+host+"/zstd/alpine:3.11", "--dest-tls-verify=false", "--preserve-digests")

	im := mustOpen(t, ref, source.Options{})
	if ids := check(t, im); len(ids) != 1 || ids[0] != alpineDiffID {
		t.Errorf("diffIDs %v", ids)
	}
	if got := im.Manifest(); got.Config.Digest.String() != alpineConfig || !strings.Contains(got.MediaType, "docker") {
		t.Errorf("config %s in a %s", got.Config.Digest, got.MediaType)
	}
	zstd := mustOpen(t, host+"/zstd/alpine:3.11", source.Options{})
	if ids := check(t, zstd); ids[0] != alpineDiffID || !strings.HasSuffix(string(zstd.Manifest().Layers[0].MediaType), "zstd") {
		t.Errorf("diffIDs %v of %s", ids, zstd.Manifest().Layers[0].MediaType)
	}
	check(t, mustOpen(t, host+"/team/alpine@"+im.Manifest().Digest.String(), source.Options{}))
	_ = wantError(t, host+"/team/alpine:none", source.Options{}, source.ErrNotFound, "/team/alpine has no manifest none")
	_ = wantError(t, host+"/none:1", source.Options{}, source.ErrNotFound, "none")
	_ = wantError(t, host+"/team/alpine@"+hexDigest, source.Options{}, source.ErrNotFound, "has no manifest sha256:0123")
}

func TestDistributionWithPassword(t *testing.T) {
	host := registrytest.Start(t, registrytest.Config{Htpasswd: registrytest.Htpasswd(t, "me", "secret")})
	dir := t.TempDir()
	tar := filepath.Join(dir, "docker.tar")
	run(t, "sh", "dash", "-c", `zcat "$1" >"$2"`, "sh", alpineArchive(t), tar)
	ref := host + "/team/alpine:3.11"
	skopeoCopy(t, "docker-archive:"+tar, "docker://"+ref, "--dest-tls-verify=false", "--dest-creds", "me:secret")

	// Nothing of the machine that runs the test may help.
	for _, v := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(v, t.TempDir())
	}
	t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
	keychain := func() source.Options {
		return source.Options{Keychain: &source.Credentials{Paths: source.CredentialPaths(os.Getenv, os.Getuid())}}
	}
	dockerConfig := func(user string) {
		t.Helper()
		auth := base64.StdEncoding.EncodeToString([]byte(user))
		if err := os.MkdirAll(filepath.Join(dir, "docker"), 0o700); err != nil {
			t.Fatal(err)
		}
		raw := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)
		if user == "" {
			raw = `{"auths":{}}`
		}
		if err := os.WriteFile(filepath.Join(dir, "docker/config.json"), []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = wantError(t, ref, source.Options{}, source.ErrAuth, "to strangers")
	_ = wantError(t, ref, keychain(), source.ErrAuth, "to strangers")
	dockerConfig("me:wrong")
	_ = wantError(t, ref, keychain(), source.ErrAuth, "of your credentials")
	dockerConfig("me:secret")
	check(t, mustOpen(t, ref, keychain()))

	// podman's file counts where docker has a configuration but not for this
	// registry; skopeo login writes it as podman login does.
	dockerConfig("")
	_ = wantError(t, ref, keychain(), source.ErrAuth, "to strangers")
	file := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "containers/auth.json")
	run(t, "skopeo", "skopeo", "login", "--tls-verify=false", "--authfile", file, "--username", "me", "--password", "secret", host)
	check(t, mustOpen(t, ref, keychain()))
}

// The real registry by TLS with a password, as skopeo and banger see it.
func TestDistributionWithTLSAndPassword(t *testing.T) {
	certificate, key := registrytest.Certificate(t)
	host := registrytest.Start(t, registrytest.Config{
		Htpasswd: registrytest.Htpasswd(t, "me", "secret"), Certificate: certificate, Key: key,
	})
	tar := filepath.Join(t.TempDir(), "docker.tar")
	run(t, "sh", "dash", "-c", `zcat "$1" >"$2"`, "sh", alpineArchive(t), tar)
	ref := host + "/team/alpine:3.11"
	skopeoCopy(t, "docker-archive:"+tar, "docker://"+ref, "--dest-tls-verify=false", "--dest-creds", "me:secret")

	file := filepath.Join(t.TempDir(), "auth.json")
	run(t, "skopeo", "skopeo", "login", "--tls-verify=false", "--authfile", file, "--username", "me", "--password", "secret", host)
	keychain := &source.Credentials{File: file}
	pool, err := source.RootCAs(certificate)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]source.Options{
		"authority known":  {RootCAs: pool, Keychain: keychain},
		"nothing verified": {SkipVerify: []string{host}, Keychain: keychain},
	} {
		t.Run(name, func(t *testing.T) {
			if ids := check(t, mustOpen(t, ref, o)); ids[0] != alpineDiffID {
				t.Errorf("diffIDs %v", ids)
			}
		})
	}
	_ = wantError(t, ref, source.Options{Keychain: keychain}, source.ErrNetwork, "certificate signed by unknown authority")
	_ = wantError(t, ref, source.Options{RootCAs: pool}, source.ErrAuth, "to strangers")
	_ = wantError(t, ref, source.Options{PlainHTTP: []string{host}, Keychain: keychain}, source.ErrNetwork, "HTTP request to an HTTPS server")
}

// A port that something listens on without ever answering is given up when
// the context ends.
func TestSilentPort(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		cancel()
		if err == nil {
			<-t.Context().Done()
			_ = conn.Close()
		}
	}()
	if _, err := source.Open(ctx, l.Addr().String()+"/x:1", source.Options{}); err == nil || ctx.Err() == nil {
		t.Errorf("error %v", err)
	}
}
