package cas

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// diskCall is one call of a disk, as a hook sees it.
type diskCall struct {
	name string
	f    *os.File // of write, sync, close and link
	path string   // what the call is about; the target of a rename
	from string   // of rename and exchange
}

// String names the call in the same way each time: random names have ends
// that begin with the first "-".
func (c diskCall) String() string {
	base := filepath.Base(c.path)
	for i := range base {
		if base[i] == '-' {
			base = base[:i]
			break
		}
	}
	if isHex(base) {
		base = filepath.Base(filepath.Dir(filepath.Dir(c.path)))
	}
	return c.name + " " + base
}

// hookedDisk calls hook in place of each call of d that changes the disk; the
// hook calls do, or does not.
func hookedDisk(d disk, hook func(c diskCall, do func() error) error) disk {
	h := d
	onFile := func(name string, call func(*os.File) error) func(*os.File) error {
		return func(f *os.File) error {
			return hook(diskCall{name: name, f: f, path: f.Name()}, func() error { return call(f) })
		}
	}
	h.sync = onFile("sync", d.sync)
	h.close = func(f *os.File) error {
		called := false
		err := hook(diskCall{name: "close", f: f, path: f.Name()}, func() error { called = true; return d.close(f) })
		if !called {
			_ = f.Close() // close(2) lets go of the file whatever it returns
		}
		return err
	}
	h.write = func(f *os.File, p []byte) (n int, err error) {
		for _, part := range [][]byte{p[:len(p)/2], p[len(p)/2:]} {
			err = errors.Join(err, hook(diskCall{name: "write", f: f, path: f.Name()}, func() error {
				m, err := d.write(f, part)
				n += m
				return err
			}))
			if err != nil {
				return n, err
			}
		}
		return n, nil
	}
	h.writeAt = func(f *os.File, p []byte, off int64) (n int, err error) {
		err = hook(diskCall{name: "writeAt", f: f, path: f.Name()}, func() (err error) { n, err = d.writeAt(f, p, off); return err })
		return n, err
	}
	h.rename = func(from, to string, replace bool) error {
		return hook(diskCall{name: "rename", path: to, from: from}, func() error { return d.rename(from, to, replace) })
	}
	h.exchange = func(a, b string) error {
		return hook(diskCall{name: "exchange", path: b, from: a}, func() error { return d.exchange(a, b) })
	}
	h.syncDir = func(dir string) error {
		return hook(diskCall{name: "syncDir", path: dir}, func() error { return d.syncDir(dir) })
	}
	h.mkdir = func(path string, perm fs.FileMode) error {
		return hook(diskCall{name: "mkdir", path: path}, func() error { return d.mkdir(path, perm) })
	}
	h.link = func(f *os.File, path string) error {
		return hook(diskCall{name: "link", f: f, path: path}, func() error { return d.link(f, path) })
	}
	h.create, h.tmpfile = hookedOpens(d, hook)
	return h
}

func hookedOpens(d disk, hook func(c diskCall, do func() error) error) (create, tmpfile func(path string) (*os.File, error)) {
	opening := func(name string, open func(string) (*os.File, error)) func(string) (*os.File, error) {
		return func(path string) (f *os.File, err error) {
			err = hook(diskCall{name: name, path: path}, func() (err error) { f, err = open(path); return err })
			if err != nil && f != nil {
				_ = f.Close()
				f = nil
			}
			return f, err
		}
	}
	return opening("create", d.create), opening("tmpfile", d.tmpfile)
}

// serially makes the calls of d one after the other, so that the order in
// which they come has one meaning.
func serially(d disk) disk {
	var mu sync.Mutex
	s := d
	s.sync = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		return d.sync(f)
	}
	s.close = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		return d.close(f)
	}
	return s
}
