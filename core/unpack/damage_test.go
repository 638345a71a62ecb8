package unpack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"

	"banger/core/unpack"
	"banger/internal/hint"
	"banger/internal/tartest"
)

var compressions = map[string]func([]byte) []byte{"plain": plain, "gzip": gzipped, "zstd": zstded}

// small is a tar with little padding, and so without an end.
func small() []byte {
	return append(tartest.Symlink("s", "t"), tartest.File("a/b", "hello")...)
}

// TestTruncated cuts a blob at each byte: a blob that is too short is reported
// as that, whatever its remains look like.
func TestTruncated(t *testing.T) {
	tar := small()
	for name, compress := range compressions {
		blob := compress(tar)
		l := describe(blob, tar)
		noSize, noDigest := l, l
		noSize.Size = -1
		noDigest.Digest, noDigest.Size = "", -1
		for n := range blob {
			if name == "plain" && n%8 != 0 {
				continue // most of it is zeros
			}
			for _, c := range []struct {
				l    unpack.Layer
				want []error
			}{
				{l, []error{unpack.ErrDigest}},
				{noSize, []error{unpack.ErrDigest}},
				{noDigest, []error{unpack.ErrDiffID, unpack.ErrCorrupt}},
			} {
				if _, err := run(t.Context(), bytes.NewReader(blob[:n]), c.l, unpack.Limits{}); !isOneOf(err, c.want...) {
					t.Fatalf("%s cut at %d of %d: error %v, want one of %v", name, n, len(blob), err, c.want)
				}
			}
		}
	}
}

// TestFlippedBits flips each bit of a blob.
func TestFlippedBits(t *testing.T) {
	tar := small()
	for name, compress := range compressions {
		blob := compress(tar)
		l := describe(blob, tar)
		noDigest := unpack.Layer{Size: l.Size, DiffID: l.DiffID}
		for bit := range len(blob) * 8 {
			if name == "plain" && bit%8 != bit/8%8 {
				continue // one bit of each byte: most are zero
			}
			bad := bytes.Clone(blob)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := run(t.Context(), bytes.NewReader(bad), l, unpack.Limits{}); !isOneOf(err, unpack.ErrDigest, unpack.ErrLimit) {
				t.Fatalf("%s, bit %d: error %v", name, bit, err)
			}
			if bit%8 != bit/8%8 {
				continue // once a byte is enough of this
			}
			out, err := run(t.Context(), bytes.NewReader(bad), noDigest, unpack.Limits{})
			if err == nil && out.DiffID == l.DiffID {
				continue // in a gzip header's time, say: the same tar
			}
			if !isOneOf(err, unpack.ErrDiffID, unpack.ErrCorrupt, unpack.ErrLimit) {
				t.Fatalf("%s, bit %d, digest unknown: error %v", name, bit, err)
			}
		}
	}
}

func isOneOf(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func TestLies(t *testing.T) {
	tar := small()
	blob := gzipped(tar)
	bomb := describe(blob, tar)
	honest := func(edit func(*unpack.Layer)) unpack.Layer {
		l := bomb
		edit(&l)
		return l
	}
	junk := append(bytes.Clone(blob), "junk"...)
	zeros := append(bytes.Clone(blob), make([]byte, 512)...)
	zstdJunk := append(zstded(tar), "junk"...)
	for _, c := range []struct {
		name  string
		blob  []byte
		layer unpack.Layer
		want  error
		text  string
	}{
		{"digest", blob, honest(func(l *unpack.Layer) { l.Digest = digest.FromString("x") }), unpack.ErrDigest, "read sha256:"},
		{"size too small", blob, honest(func(l *unpack.Layer) { l.Size-- }), unpack.ErrDigest, "longer than"},
		{"size too large", blob, honest(func(l *unpack.Layer) { l.Size++ }), unpack.ErrDigest, "it ends after"},
		{"empty", nil, bomb, unpack.ErrDigest, "ends after 0 of"},
		{"diffID", blob, honest(func(l *unpack.Layer) { l.DiffID = digest.FromString("x") }), unpack.ErrDiffID, "want sha256:"},
		{"diffID of the blob", blob, honest(func(l *unpack.Layer) { l.DiffID = l.Digest }), unpack.ErrDiffID, ""},
		{"junk after gzip", junk, describe(junk, tar), unpack.ErrCorrupt, "gzip stream"},
		{"zeros after gzip", zeros, describe(zeros, tar), unpack.ErrCorrupt, "gzip stream"},
		{"junk after zstd", zstdJunk, describe(zstdJunk, tar), unpack.ErrCorrupt, "zstd stream"},
		{"not a tar", []byte(strings.Repeat("text ", 200)), describe([]byte(strings.Repeat("text ", 200)), tar), unpack.ErrCorrupt, "entry 0: damaged layer: header checksum"},
		{"half a gzip, honestly", blob[:40], describe(blob[:40], tar), unpack.ErrCorrupt, "unexpected EOF"},
		{"a tar cut short, honestly", gzipped(tar[:1026]), describe(gzipped(tar[:1026]), tar[:1026]), unpack.ErrCorrupt, "entry 1: \"a/b\": damaged layer: damaged tar: archive ends in the middle of a body"},
		{"bytes behind the tar's end count", gzipped(append(tartest.Join(tar), 1)), describe(gzipped(append(tartest.Join(tar), 1)), tartest.Join(tar)), unpack.ErrDiffID, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t.Context(), bytes.NewReader(c.blob), c.layer, unpack.Limits{})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), string(c.layer.Digest)) {
				t.Errorf("error %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestMediaTypeIsNotTrusted(t *testing.T) {
	tar := small()
	blob := zstded(tar)
	l := describe(blob, tar)
	l.MediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
	if _, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{}); err != nil {
		t.Error(err)
	}
	l = describe(blob[:len(blob)-9], tar)
	l.MediaType = "application/x-odd"
	if _, err := run(t.Context(), bytes.NewReader(blob[:len(blob)-9]), l, unpack.Limits{}); err == nil || !strings.Contains(err.Error(), `"application/x-odd"`) {
		t.Errorf("error %v", err)
	}
}

// TestDamageOfAWrongBlobIsTheBlobs damages the start of a large blob: that its
// digest is wrong shows only at its end.
func TestDamageOfAWrongBlobIsTheBlobs(t *testing.T) {
	tar := tartest.Join(tartest.File("a", strings.Repeat("0123456789abcdef", 1<<18)))
	for name, compress := range compressions {
		blob := compress(tar)
		bad := bytes.Clone(blob)
		bad[20] ^= 0xff
		if _, err := run(t.Context(), bytes.NewReader(bad), describe(blob, tar), unpack.Limits{}); !errors.Is(err, unpack.ErrDigest) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := run(t.Context(), bytes.NewReader(bad), describe(bad, tar), unpack.Limits{}); !errors.Is(err, unpack.ErrCorrupt) {
			t.Errorf("%s, the digest being right: %v", name, err)
		}
	}
}

func TestRefusedEntries(t *testing.T) {
	for _, c := range []struct {
		name  string
		entry []byte
		want  string
	}{
		{"uid", tartest.Entry(tartest.Header{Name: "u", UID: 1 << 33}, ""), `entry 1: damaged layer: "u": damaged tar: uid 8589934592`},
		{"symlink without a target", tartest.Symlink("s", ""), `entry 1: "s": damaged layer: a symlink without a target`},
		{"hardlink without a target", tartest.Hardlink("h", ""), `entry 1: "h": damaged layer: a hardlink without`},
		{"symlink target too long", append(tartest.GNULongLink(strings.Repeat("t", 4096)), tartest.Symlink("s", "")...), "4096 bytes, 4095 is the most"},
		{"no name", tartest.File("", "x"), `entry 1: "": damaged layer: no name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tar := tartest.Join(tartest.File("a", "x"), c.entry)
			_, err := run(t.Context(), bytes.NewReader(tar), describe(tar, tar), unpack.Limits{})
			if !errors.Is(err, unpack.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %s", err, c.want)
			}
		})
	}
	tar := tartest.Join(tartest.GNULongLink(strings.Repeat("t", 4095)), tartest.Symlink("s", ""))
	mustRun(t, tar, tar)
}

var errBroken = errors.New("broken")

func TestErrorsOfOthersComeThrough(t *testing.T) {
	tar := tartest.Join(tartest.File("a", strings.Repeat("0123456789abcdef", 1<<17)))
	blob := gzipped(tar)
	l := describe(blob, tar)
	broken := io.MultiReader(bytes.NewReader(blob[:len(blob)/2]), iotest.ErrReader(errBroken))
	for name, f := range map[string]func() error{
		"reader": func() error {
			_, err := run(t.Context(), broken, l, unpack.Limits{})
			return err
		},
		"reader that stands still": func() error {
			_, err := run(t.Context(), stuck{}, l, unpack.Limits{})
			if errors.Is(err, io.ErrNoProgress) {
				return errBroken
			}
			return err
		},
		"blob": func() error {
			return writeTo(t.Context(), blob, l, unpack.Dest{Blob: &full{}, Pack: io.Discard, Index: io.Discard})
		},
		"pack":  func() error { return writeTo(t.Context(), blob, l, unpack.Dest{Pack: &full{}, Index: io.Discard}) },
		"index": func() error { return writeTo(t.Context(), blob, l, unpack.Dest{Pack: io.Discard, Index: &full{}}) },
	} {
		err := f()
		if !errors.Is(err, errBroken) || isOneOf(err, unpack.ErrDigest, unpack.ErrCorrupt, unpack.ErrDiffID, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func writeTo(ctx context.Context, blob []byte, l unpack.Layer, dst unpack.Dest) error {
	_, err := unpack.Unpack(ctx, bytes.NewReader(blob), l, dst, unpack.Limits{}, nil)
	return err
}

type full struct{}

func (*full) Write([]byte) (int, error) { return 0, errBroken }

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestLimitErrorsNameTheFlag(t *testing.T) {
	tar := sample()
	_, err := run(t.Context(), bytes.NewReader(tar), describe(tar, tar), unpack.Limits{Entries: 2})
	var limit *unpack.LimitError
	if !errors.As(err, &limit) || limit.Flag != "--limit-entries" || limit.Max != 2 || !strings.Contains(hint.Of(err), limit.Flag) {
		t.Errorf("%v, hint %q", err, hint.Of(err))
	}
	if !strings.Contains(err.Error(), `entry 2: "d/f": layer exceeds a limit: entries over 2`) {
		t.Error(err)
	}
}
