package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"banger/cas"
	"banger/core/host"
	"banger/core/stage"
	"banger/internal/hint"
	mkfse2fs "banger/plugins/mkfs-e2fs"
)

func checkTools(ctx context.Context, _ *cli.Context) []check {
	if err := stage.Available(); err != nil {
		return []check{{Name: "tools", State: pass, Found: "the ext4 builder needs none; e2fs and debugfs need Linux"}}
	}
	var all []check
	for _, f := range mkfse2fs.Check(ctx) {
		k := check{Name: f.Name, State: pass, Found: f.Version + ", " + f.Path}
		for _, can := range f.Can {
			k.Notes = append(k.Notes, "+ "+can)
		}
		for _, cannot := range f.Cannot {
			k.Notes = append(k.Notes, "- "+cannot)
		}
		switch {
		case f.Path == "":
			k.State, k.Found, k.Fix, k.kind = fail, "not found", f.Hint, host.ErrToolMissing
		case len(f.Can) == 0 && len(f.Cannot) > 0:
			k.State, k.Fix, k.kind = fail, "install a newer e2fsprogs", host.ErrToolMissing
		case len(f.Cannot) > 0:
			k.State, k.Fix = warn, "install a newer e2fsprogs, or use --builder debugfs where that matters"
		}
		all = append(all, k)
	}
	return all
}

// wantedRoom is the free space below which a build of a usual image may fail,
// in bytes.
const wantedRoom = 2 << 30

func checkStore(ctx context.Context, c *cli.Context) []check {
	dir, err := storeDir(c)
	if err != nil {
		return []check{failed("store", err, errStore)}
	}
	s, err := cas.View(ctx, dir)
	if err != nil {
		return []check{failed("store", storeError(err), errStore)}
	}
	defer s.Close()
	there := existing(dir)
	k := check{Name: "store", State: pass, Found: dir}
	if err := s.LocksHold(); err != nil {
		k.State, k.Found, k.Fix = warn, dir+": "+err.Error(), hint.Of(err)
	}
	if unix.Access(there, unix.W_OK|unix.X_OK) != nil {
		k.State, k.kind, k.Found = fail, errStore, fmt.Sprintf("%s: %s cannot be written", dir, there)
		k.Fix = "name a directory that you may write to with --store or BANGER_STORE"
	}
	return []check{k, roomOf(there)}
}

// existing returns the directory itself or the nearest one above it that
// exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func roomOf(dir string) check {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return failed("room", err, errStore)
	}
	free := int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // macOS has 32 bits
	k := check{Name: "room", State: pass, Found: bytesText(free) + " free for the store"}
	if free < wantedRoom {
		k.State, k.Fix = warn, "free some space, or put the store on another filesystem with --store or BANGER_STORE"
	}
	return k
}

func checkUser(context.Context, *cli.Context) []check {
	k := check{Name: "user", State: pass, Found: "root"}
	switch uid := os.Geteuid(); {
	case uid == 0:
	case stage.Available() != nil:
		k.Found = fmt.Sprintf("uid %d: the ext4 builder needs no root", uid)
	default:
		k.State, k.Found = warn, fmt.Sprintf("uid %d: the e2fs builder cannot keep owners, devices and privileged xattrs", uid)
		k.Fix = `use --builder debugfs, which needs no root for any of it`
	}
	return []check{k}
}

// checkCredentials finds credential helpers that docker's configuration names
// and that are not installed.
func checkCredentials(context.Context, *cli.Context) []check {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(home, ".docker")
	}
	path := filepath.Join(dir, "config.json")
	helpers, err := credentialHelpers(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []check{{Name: "credentials", State: pass, Found: path + " does not exist; public images need none"}}
	}
	if err != nil {
		return []check{{Name: "credentials", State: warn, Found: err.Error(), Fix: "repair the file, or log in again with docker login"}}
	}
	k := check{Name: "credentials", State: pass, Found: path}
	for _, h := range helpers {
		if _, err := exec.LookPath("docker-credential-" + h); err != nil {
			k.State, k.Notes = warn, append(k.Notes, "docker-credential-"+h+" is not installed")
			k.Fix = "install the helpers, or take them out of the file"
		}
	}
	return []check{k}
}

func credentialHelpers(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config struct {
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
	}
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	helpers := []string{config.CredsStore}
	for _, h := range config.CredHelpers {
		helpers = append(helpers, h)
	}
	slices.Sort(helpers)
	helpers = slices.Compact(helpers)
	return slices.DeleteFunc(helpers, func(h string) bool { return h == "" || strings.ContainsRune(h, '/') }), nil
}
