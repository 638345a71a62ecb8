package source

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Credentials is a keychain of files as docker, podman, buildah and skopeo
// write them (containers-auth.json(5)), and of the credential helpers that
// these name. The files are read when credentials are needed; the first with
// credentials for a repository decides. It is safe for concurrent use.
type Credentials struct {
	// File is asked first; "" is none. One that cannot be read is an ErrAuthFile.
	File string
	// Paths are asked then. Those that do not exist or lie in directories that
	// the user may not enter are passed over.
	Paths []string
	// Helper finds the program "docker-credential-NAME"; nil finds none.
	Helper func(program string) (path string, err error)
	// Warn, if not nil, is told of helpers that did not help: an image that
	// everybody may have needs none.
	Warn func(text string)

	warned sync.Map // what Warn was told
}

// CredentialPaths returns the files in which docker and then podman, buildah
// and skopeo keep credentials on Linux, most important first, given the
// environment and the user's id.
func CredentialPaths(getenv func(string) string, uid int) []string {
	var paths []string
	home := getenv("HOME")
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		paths = append(paths, filepath.Join(dir, "config.json"))
	} else if home != "" {
		paths = append(paths, filepath.Join(home, ".docker/config.json"))
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "containers/auth.json"))
	} else {
		paths = append(paths, filepath.Join("/run/containers", strconv.Itoa(uid), "auth.json"))
	}
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		paths = append(paths, filepath.Join(dir, "containers/auth.json"))
	} else if home != "" {
		paths = append(paths, filepath.Join(home, ".config/containers/auth.json"))
	}
	return paths
}

// Resolve implements [authn.Keychain].
func (c *Credentials) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return c.ResolveContext(context.Background(), target)
}

// ResolveContext implements [authn.ContextKeychain]. Helpers end with ctx.
func (c *Credentials) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	if c.File != "" {
		if a, err := c.ask(ctx, c.File, target); a != nil || err != nil {
			return a, err
		}
	}
	for _, path := range c.Paths {
		a, err := c.ask(ctx, path, target)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && isShutOut(path) {
			continue
		}
		if a != nil || err != nil {
			return a, err
		}
	}
	return authn.Anonymous, nil
}

// isShutOut reports whether path lies in a directory that this user may not
// enter, as /run/containers often does: nothing of the user's is there.
func isShutOut(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrPermission)
}

// ask looks into one file: for a helper of the registry's own, for the helper
// of all registries, then for credentials in the file itself. It returns nil
// when there are none.
func (c *Credentials) ask(ctx context.Context, path string, target authn.Resource) (authn.Authenticator, error) {
	file, err := readAuths(path)
	if err != nil && path == c.File {
		return nil, fmt.Errorf("%w: %w", ErrAuthFile, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	if helper := file.helper(target.RegistryStr()); helper != "" {
		if a, err := c.help(ctx, path, helper, target.RegistryStr()); a != nil || err != nil {
			return a, err
		}
	}
	for _, key := range authKeys(target) {
		if a, ok := file.Auths[key]; ok {
			return a.authenticator(path, key)
		}
	}
	return nil, nil
}

// authFile is what is read of a file. The keys are registries, or namespaces
// in them.
type authFile struct {
	Auths       map[string]authEntry `json:"auths"`
	CredHelpers map[string]string    `json:"credHelpers"`
	CredsStore  string               `json:"credsStore"`
}

// authEntry are credentials. Some tools write name and password apart.
type authEntry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// readAuths returns the content of a file, the keys without what old versions
// of docker put around the name of the registry.
func readAuths(path string) (authFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return authFile{}, err
	}
	defer f.Close()
	raw, err := readAll(f, maxManifest)
	if err != nil {
		return authFile{}, err
	}
	var file authFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return authFile{}, fmt.Errorf("parse %s: %w", path, err)
	}
	auths := make(map[string]authEntry, len(file.Auths))
	for key, a := range file.Auths {
		plain := plainKey(key)
		if _, exact := file.Auths[plain]; a != (authEntry{}) && (plain == key || !exact) {
			auths[plain] = a
		}
	}
	file.Auths = auths
	return file, nil
}

// plainKey is "https://HOST/v1/" without all but the host.
func plainKey(key string) string {
	plain := strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	if plain != key {
		plain, _, _ = strings.Cut(plain, "/")
	}
	return plain
}

// helper returns the name of the helper for a registry, "" if there is none.
func (f authFile) helper(registry string) string {
	for key, helper := range f.CredHelpers {
		if host, err := ParseHost(plainKey(key)); err == nil && host == registry {
			return helper
		}
	}
	return f.CredsStore
}

// authKeys are the keys under which there may be credentials for a
// repository, most specific first.
func authKeys(target authn.Resource) []string {
	repo := target.String()
	hub := target.RegistryStr() == name.DefaultRegistry
	if hub {
		repo = "docker.io" + strings.TrimPrefix(repo, name.DefaultRegistry)
	}
	keys := []string{repo}
	for i := strings.LastIndexByte(repo, '/'); i > 0; i = strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
		keys = append(keys, repo)
	}
	if hub {
		keys = append(keys, name.DefaultRegistry)
	}
	return keys
}

func (a authEntry) authenticator(path, key string) (authn.Authenticator, error) {
	c := authn.AuthConfig{Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
	if a.Auth != "" {
		raw, err := base64.StdEncoding.DecodeString(a.Auth)
		user, password, found := strings.Cut(strings.TrimRight(string(raw), "\x00"), ":")
		if err != nil || !found {
			return nil, fmt.Errorf("read credentials: the entry %q of %s is damaged", key, path)
		}
		c.Username, c.Password = user, password
	}
	return authn.FromConfig(c), nil
}
