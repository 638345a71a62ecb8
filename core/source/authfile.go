package source

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// authFiles is a keychain of files in the form of containers-auth.json(5).
type authFiles []string

// AuthFiles returns a keychain that reads credentials from podman's,
// buildah's and skopeo's files: of the repository itself, of each namespace
// above it, and of the registry, in this order, from the first file that has
// one. Files that do not exist are passed over, and so are, where several are
// given, those in directories that the user may not enter. They are read when
// credentials are needed. Credential helpers named in them are not run:
// [authn.DefaultKeychain] runs docker's. That keychain also knows podman's
// files, but looks at them only where docker has no configuration at all, and
// never at namespaces; put this one behind it with [authn.NewMultiKeychain].
func AuthFiles(paths ...string) authn.Keychain { return authFiles(paths) }

// AuthFilePaths returns where podman, buildah and skopeo keep credentials on
// Linux, most important first, given the environment and the user's id. With
// REGISTRY_AUTH_FILE, that is the only one.
func AuthFilePaths(getenv func(string) string, uid int) []string {
	if f := getenv("REGISTRY_AUTH_FILE"); f != "" {
		return []string{f}
	}
	var paths []string
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "containers/auth.json"))
	} else {
		paths = append(paths, filepath.Join("/run/containers", strconv.Itoa(uid), "auth.json"))
	}
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		paths = append(paths, filepath.Join(dir, "containers/auth.json"))
	} else if dir := getenv("HOME"); dir != "" {
		paths = append(paths, filepath.Join(dir, ".config/containers/auth.json"))
	}
	return paths
}

func (files authFiles) Resolve(target authn.Resource) (authn.Authenticator, error) {
	for _, path := range files {
		auths, err := readAuths(path)
		if errors.Is(err, fs.ErrNotExist) || len(files) > 1 && isShutOut(path) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read credentials: %w", err)
		}
		for _, key := range authKeys(target) {
			if a, ok := auths[key]; ok {
				return a.authenticator(path, key)
			}
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

type authEntry struct {
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
}

// readAuths returns the entries of a file, their keys without what old
// versions of docker put around the name of the registry.
func readAuths(path string) (map[string]authEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readAll(f, maxManifest)
	if err != nil {
		return nil, err
	}
	var file struct {
		Auths map[string]authEntry `json:"auths"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	auths := make(map[string]authEntry, len(file.Auths))
	for key, a := range file.Auths {
		plain := strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
		if plain != key {
			plain, _, _ = strings.Cut(plain, "/")
		}
		if _, exact := file.Auths[plain]; a != (authEntry{}) && (plain == key || !exact) {
			auths[plain] = a
		}
	}
	return auths, nil
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
	raw, err := base64.StdEncoding.DecodeString(a.Auth)
	user, password, found := strings.Cut(strings.TrimRight(string(raw), "\x00"), ":")
	if err != nil || !found && a.IdentityToken == "" {
		return nil, fmt.Errorf("read credentials: the entry %q of %s is damaged", key, path)
	}
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: password, IdentityToken: a.IdentityToken}), nil
}
