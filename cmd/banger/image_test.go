package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/rogpeppe/go-internal/testscript"

	"banger/internal/ocitest"
	tt "banger/internal/tartest"
)

// images are what mkimage can make: good ones, and one for each way in which
// an image can be bad.
var images = map[string]func() []ocitest.Layer{
	"good": func() []ocitest.Layer {
		return []ocitest.Layer{
			{Tar: tt.Join(tt.Dir("etc/"), tt.File("etc/motd", "old\n"), tt.File("etc/gone", "x"), tt.Symlink("motd", "/etc/motd")), Compression: ocitest.Gzip},
			{Tar: tt.Join(tt.File("etc/motd", "hello\n"), tt.File("etc/.wh.gone", ""), tt.Hardlink("etc/issue", "etc/motd")), Compression: ocitest.Zstd},
			{Tar: tt.Join(tt.Dir("var/"), tt.Fifo("var/pipe")), Compression: ocitest.Plain},
		}
	},
	"other": func() []ocitest.Layer {
		return []ocitest.Layer{{Tar: tt.Join(tt.File("other", "other\n")), Compression: ocitest.Gzip}}
	},
	"owned": func() []ocitest.Layer {
		return []ocitest.Layer{{Tar: tt.Join(
			tt.Entry(tt.Header{Name: "bin/su", Mode: 0o4755, UID: 1000, GID: 42, MTime: tt.MTime}, "suid"),
			tt.Device("dev-null", '3', 1, 3),
		), Compression: ocitest.Gzip}}
	},
	// One loss for those who set devices through debugfs.
	"bigdevice": bad(tt.Device("dev-big", '3', 70_000, 1)),
	"mixed":     mixedImage,
	"large":     func() []ocitest.Layer { return []ocitest.Layer{noise()} },
	"slow":      slowImage,

	"truncated": func() []ocitest.Layer {
		return damaged(func(b []byte) []byte { return b[:len(b)/2] })
	},
	"flipped": func() []ocitest.Layer {
		return damaged(func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
	},
	"wrong-diffid": func() []ocitest.Layer {
		return []ocitest.Layer{{Tar: tt.Join(tt.File("a", "a")), Compression: ocitest.Gzip, DiffID: digest.FromString("something else")}}
	},
	"dotdot":        bad(tt.File("../../etc/passwd", "x")),
	"absolute":      bad(tt.File("/etc/passwd", "x")),
	"climbing":      bad(tt.Symlink("a/b", "../../../etc/passwd")),
	"bare-whiteout": bad(tt.File("a/.wh.", "")),
	"dangling":      bad(tt.Hardlink("a", "nowhere")),
	"cyclic":        bad(tt.Hardlink("a", "b"), tt.Hardlink("b", "a")),
	"link-to-dir":   bad(tt.Dir("d/"), tt.Hardlink("a", "d")),
	"loop":          bad(tt.Symlink("a", "b"), tt.Symlink("b", "a"), tt.File("a/x", "x")),
	"bomb": func() []ocitest.Layer {
		head := ocitest.Compress(tt.Entry(tt.Header{Name: "zeros", Mode: 0o644, Size: 1 << 30}, ""), ocitest.Gzip)
		zeros := ocitest.Compress(make([]byte, 1<<20), ocitest.Gzip)
		return []ocitest.Layer{{Blob: append(head, bytes.Repeat(zeros, 1<<10)...), Compression: ocitest.Gzip}}
	},
}

// execution is how images want to be run, where they say so.
var execution = map[string]map[string]any{
	"good": {
		"Entrypoint": []string{"/bin/motd"}, "Cmd": []string{"--loud"}, "Env": []string{"PATH=/bin", "MOOD=<good> & well"},
		"User": "1000:42", "StopSignal": "SIGINT", "Labels": map[string]string{"maintainer": "nobody"},
		"ExposedPorts": map[string]any{"80/tcp": map[string]any{}, "53/udp": map[string]any{}},
	},
}

func bad(entries ...[]byte) func() []ocitest.Layer {
	return func() []ocitest.Layer {
		return []ocitest.Layer{{Tar: tt.Join(entries...), Compression: ocitest.Gzip}}
	}
}

func damaged(how func([]byte) []byte) []ocitest.Layer {
	return []ocitest.Layer{{Tar: tt.Join(tt.File("a", strings.Repeat("all work and no play ", 1000))), Compression: ocitest.Gzip, Damage: how}}
}

// noise is a layer that nothing compresses.
func noise() ocitest.Layer {
	body := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(body)
	return ocitest.Layer{Tar: tt.Join(tt.File("noise", string(body))), Compression: ocitest.Gzip}
}

// mixedImage has something of everything: a large file, many small ones, and
// owners, in layers of their own.
func mixedImage() []ocitest.Layer {
	var small bytes.Buffer
	for i := range 300 {
		small.Write(tt.File(fmt.Sprintf("usr/share/%03d", i), strings.Repeat(fmt.Sprint(i), 100*i)))
	}
	owned := tt.Entry(tt.Header{Name: "bin/su", Mode: 0o4755, UID: 1000, GID: 42, MTime: tt.MTime}, "suid")
	return []ocitest.Layer{
		noise(),
		{Tar: tt.Join(small.Bytes()), Compression: ocitest.Zstd},
		{Tar: tt.Join(owned), Compression: ocitest.Plain},
	}
}

// slowImage takes mkfs seconds: very many names in one directory, in which it
// searches linearly.
func slowImage() []ocitest.Layer {
	var b bytes.Buffer
	for i := range 30_000 {
		b.Write(tt.File(fmt.Sprintf("flat/%06d", i), ""))
	}
	return []ocitest.Layer{{Tar: tt.Join(b.Bytes()), Compression: ocitest.Gzip}}
}

// mkimage makes an OCI layout: mkimage KIND DIR.
func mkimage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkimage KIND DIR")
	}
	ts.Check(writeImage(ts.MkAbs(args[1]), args[0]))
}

func writeImage(dir, kind string) error {
	layers, ok := images[kind]
	if !ok {
		return fmt.Errorf("no image %q; there are %q", kind, slices.Sorted(maps.Keys(images)))
	}
	_, err := ocitest.WriteWith(dir, execution[kind], layers()...)
	return err
}

func asExit(err error, exit **exec.ExitError) bool { return errors.As(err, exit) }

// waitFor reads r until a line holds text.
func waitFor(t *testing.T, r io.Reader, text string) {
	t.Helper()
	s := bufio.NewScanner(r)
	var seen strings.Builder
	for s.Scan() {
		if strings.Contains(s.Text(), text) {
			return
		}
		fmt.Fprintln(&seen, s.Text())
	}
	t.Fatalf("%q did not come; what came:\n%s", text, seen.String())
}

func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left in %s", e.Name(), dir)
	}
}
