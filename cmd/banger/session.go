package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/cmd/banger/keep"
	"banger/core"
	"banger/core/host"
	"banger/core/unpack"
	"banger/internal/hint"
	"banger/sdk"
)

// session is what a command that works on images has open.
type session struct {
	store  *cas.Store
	host   *host.Host
	engine *core.Engine
	ui     *ui
}

// openSession opens the store and makes an engine as the flags say.
func openSession(c *cli.Context) (*session, error) {
	return openWith(c, openStore, core.DescribeCache)
}

// openReader is openSession for a command that leaves no trace in the store.
func openReader(c *cli.Context) (*session, error) {
	return openWith(c, openStore, core.ReadOnlyDescribeCache)
}

// viewSession is openSession for a command that does not even make a store.
func viewSession(c *cli.Context) (*session, error) {
	return openWith(c, viewStore, core.ReadOnlyDescribeCache)
}

// openWith opens the store and makes an engine.
func openWith(c *cli.Context, open func(*cli.Context) (*cas.Store, error), describe func(*cas.Store) host.Cache) (*session, error) {
	limits, err := limitsOf(c)
	if err != nil {
		return nil, err
	}
	var u *ui
	from, err := sourceOptions(c, func(text string) { u.Log(sdk.LogWarn, text) })
	if err != nil {
		return nil, err
	}
	store, err := open(c)
	if err != nil {
		return nil, err
	}
	h, err := newHost(c, describe(store))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if u, err = newUI(c); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	warnOfStore(u, store)
	engine := core.New(core.Config{
		Store: store, Host: h, Limits: limits, Events: u, Source: from,
		TempDir: os.TempDir(), VerifyCache: c.Bool("verify-cache"), Gunzip: gunzip(),
	})
	return &session{store, h, engine, u}, nil
}

// answer opens a session for one question, and ends it with the answer.
func answer[T any](c *cli.Context, open func(*cli.Context) (*session, error), ask func(*core.Engine) (T, error)) (T, error) {
	s, err := open(c)
	if err != nil {
		var none T
		return none, err
	}
	defer s.close()
	return ask(s.engine)
}

func (s *session) close() {
	s.ui.done()
	_ = s.store.Close()
}

// openStore opens the store that the flags name.
func openStore(c *cli.Context) (*cas.Store, error) { return storeAt(c, cas.Open) }

// viewStore opens the store to look at it alone.
func viewStore(c *cli.Context) (*cas.Store, error) { return storeAt(c, cas.View) }

func storeAt(c *cli.Context, open func(context.Context, string) (*cas.Store, error)) (*cas.Store, error) {
	dir, err := storeDir(c)
	if err != nil {
		return nil, err
	}
	store, err := open(c.Context, dir)
	if err != nil {
		return nil, storeError(err)
	}
	return store, nil
}

// warnOfStore says what is not as it should be with an open store.
func warnOfStore(u *ui, store *cas.Store) {
	if err := store.LocksHold(); err != nil {
		u.Log(sdk.LogWarn, fmt.Sprintf("%s: builds work, things may be made twice, and nothing is ever removed; %s", err, hint.Of(err)))
	}
}

// storeDir is --store, or the user's cache directory.
func storeDir(c *cli.Context) (string, error) {
	if dir := c.String("store"); dir != "" {
		return filepath.Abs(dir)
	}
	cache := userDir("XDG_CACHE_HOME", ".cache")
	if cache == "" {
		return "", storeError(errors.New("open store: no place for it: neither XDG_CACHE_HOME nor HOME is an absolute path"))
	}
	return filepath.Join(cache, "banger", "oci"), nil
}

// userDir is the directory that the variable names, or the one below HOME, or
// "". A path that is not absolute counts as none (XDG Base Directory
// Specification).
func userDir(variable, below string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, below)
	}
	return ""
}

// storeError marks the error of a store that does not open.
func storeError(err error) error {
	err = storeFailure{err}
	if hint.Of(err) == "" {
		err = hint.With(err, "name a directory that you may write to with --store or BANGER_STORE")
	}
	return err
}

func limitsOf(c *cli.Context) (unpack.Limits, error) {
	l := unpack.Limits{Entries: c.Int64("limit-entries"), PathDepth: c.Int("limit-depth"), Ratio: c.Int64("limit-ratio")}
	for flag, n := range map[string]*int64{"limit-header": &l.HeaderSize, "limit-file": &l.FileSize, "limit-total": &l.TotalSize} {
		s := c.String(flag)
		if s == "" {
			continue
		}
		var err error
		if *n, err = sdk.ParseSize(s); err != nil || *n <= 0 {
			return l, usagef("--%s is a size such as 64M, not %q", flag, s)
		}
	}
	if l.Entries < 0 || l.PathDepth < 0 || l.Ratio < 0 {
		return l, usagef("a limit is a positive number")
	}
	return l, nil
}

// newHost makes a host that finds builders in the plugin directories, then
// among the bundled ones.
func newHost(c *cli.Context, describe host.Cache) (*host.Host, error) {
	config, err := hostConfig(c)
	if err != nil {
		return nil, err
	}
	config.Cache = describe
	return host.New(config), nil
}

// hostConfig is what the flags say of a host, without a cache.
func hostConfig(c *cli.Context) (host.Config, error) {
	lock, err := readLock(c)
	if err != nil {
		return host.Config{}, err
	}
	self, err := selfPath()
	if err != nil {
		return host.Config{}, err
	}
	bundled := make(map[string]host.Bundled)
	for name, builder := range bundledBuilders {
		bundled[name] = host.Bundled{Path: self, Args: []string{serveName, name}, Describe: builder().Describe}
	}
	return host.Config{
		Dirs:      pluginDirs(c),
		Bundled:   bundled,
		Installed: installedDirs(),
		Lock:      lock,
		Keeper:    host.Command{Path: self, Args: []string{keep.Name}},
		ToolPath:  toolPath(),
		TempDir:   os.TempDir(),
	}, nil
}

// pluginDirs lists where third-party builders are looked for, first match
// first.
func pluginDirs(c *cli.Context) []string {
	dirs := c.StringSlice("plugin-dir")
	dirs = append(dirs, filepath.SplitList(os.Getenv("BANGER_PLUGIN_PATH"))...)
	return append(dirs, defaultPluginDirs()...)
}

// defaultPluginDirs are the directories that nobody has to name.
func defaultPluginDirs() []string {
	var dirs []string
	if data := userDir("XDG_DATA_HOME", ".local/share"); data != "" {
		dirs = append(dirs, filepath.Join(data, "banger", "plugins"))
	}
	return append(dirs, installedDirs()...)
}

// installedDirs are where builders are that were installed with this program:
// below its own prefix, and below the system's.
func installedDirs() []string {
	const libexec = "libexec/banger"
	dirs := []string{"/usr/" + libexec}
	if exe, err := os.Executable(); err == nil && filepath.Base(filepath.Dir(exe)) == "bin" {
		if own := filepath.Join(filepath.Dir(filepath.Dir(exe)), libexec); own != dirs[0] {
			dirs = append([]string{own}, dirs...)
		}
	}
	return dirs
}

// toolPath is PATH with the directories of system tools, which an ordinary
// user's PATH often lacks.
func toolPath() string {
	return strings.Join(append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin"), string(filepath.ListSeparator))
}

// gunzip is the command for the program that was measured to decompress gzip
// faster than the library does: a third of its time. unpigz takes longer.
func gunzip() []string {
	for _, dir := range filepath.SplitList(toolPath()) {
		path, err := exec.LookPath(filepath.Join(dir, "igzip"))
		if err == nil && filepath.IsAbs(path) {
			return []string{path, "-d", "-c"}
		}
	}
	return nil
}
