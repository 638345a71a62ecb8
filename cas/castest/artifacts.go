package castest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

const imageType = "application/x-castest"

// putImage commits an artifact.
func putImage(t testing.TB, s Store, text, mediaType string) (cas.Artifact, error) {
	w, err := s.NewArtifact()
	if err != nil {
		return cas.Artifact{}, err
	}
	defer w.Abort()
	if err := os.WriteFile(w.Path(), []byte(text), 0o600); err != nil {
		return cas.Artifact{}, err
	}
	return w.Commit(t.Context(), mediaType)
}

func mustPutImage(t testing.TB, s Store, text string) cas.Artifact {
	t.Helper()
	a, err := putImage(t, s, text, imageType)
	must(t, err)
	return a
}

// wantImage wants an artifact to be there with its content.
func wantImage(t testing.TB, s Store, a cas.Artifact, text string) {
	t.Helper()
	found, err := s.Artifact(a.Digest)
	if err != nil || found != a || a.Size != int64(len(text)) {
		t.Errorf("artifact %+v: %+v, %v", a, found, err)
	}
	if b, err := os.ReadFile(a.Path); err != nil || string(b) != text {
		t.Errorf("image: %d bytes, %v, want %d", len(b), err, len(text))
	}
}

func wantNoArtifact(t testing.TB, s Store, d digest.Digest) {
	t.Helper()
	_, err := s.Artifact(d)
	wantAbsent(t, "artifact", err)
}

func artifactRoundTrip(t testing.TB, s Store) {
	wantNoArtifact(t, s, digest.FromString("absent"))
	for _, text := range []string{"an image", "", "another image"} {
		a := mustPutImage(t, s, text)
		if a.MediaType != imageType {
			t.Errorf("media type %q", a.MediaType)
		}
		wantImage(t, s, a, text)
		if again := mustPutImage(t, s, text); again != a {
			t.Errorf("put again: %+v, want %+v", again, a)
		}
	}
	other, err := putImage(t, s, "an image", "application/x-other")
	must(t, err)
	if a := mustPutImage(t, s, "an image"); a.Digest == other.Digest {
		t.Error("media types make no difference")
	}
}

// artifactDigest pins what all stores must agree on, and that holes make no
// difference to it.
func artifactDigest(t testing.TB, s Store) {
	const size = 3*(4<<20) + 5
	write := func(fill bool) cas.Artifact {
		w, err := s.NewArtifact()
		must(t, err)
		defer w.Abort()
		f, err := os.Create(w.Path())
		must(t, err)
		if fill {
			_, err = f.Write(make([]byte, size))
			must(t, err)
		}
		_, first := f.WriteAt([]byte("abc"), 0)
		_, third := f.WriteAt([]byte("z"), 2*(4<<20)+1)
		must(t, errors.Join(first, third, f.Truncate(size), f.Close()))
		a, err := w.Commit(t.Context(), "application/x-test")
		must(t, err)
		return a
	}
	const pinned = "sha256:cade61117e52b030df241aa87ebe7b34c5d8dcd4b725ef8b2cfb5e359cbed23b"
	for _, fill := range []bool{false, true} {
		if a := write(fill); a.Digest != pinned || a.Size != size {
			t.Errorf("filled %v: %+v, want digest %s and %d bytes", fill, a, pinned, size)
		}
	}
}

func artifactRefused(t testing.TB, s Store) {
	mine := filepath.Join(t.TempDir(), "mine")
	must(t, os.WriteFile(mine, []byte("mine"), 0o644))
	for what, put := range map[string]func(path string) error{
		"nothing":         func(string) error { return nil },
		"a directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"a symlink":       func(path string) error { return os.Symlink(mine, path) },
		"a fifo":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a dangling link": func(path string) error { return os.Symlink("nowhere", path) },
		"a file too large": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, cas.MaxArtifactSize+1))
		},
	} {
		w, err := s.NewArtifact()
		must(t, err)
		must(t, put(w.Path()))
		if a, err := w.Commit(t.Context(), imageType); err == nil {
			t.Errorf("%s became %+v", what, a)
		}
	}
	for _, mediaType := range []string{"", "\xff"} {
		if a, err := putImage(t, s, "image", mediaType); err == nil {
			t.Errorf("media type %q: %+v", mediaType, a)
		}
	}
	if info, err := os.Stat(mine); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("someone else's file was touched: %v, %v", info, err)
	}
}

func artifactEnds(t testing.TB, s Store) {
	w, err := s.NewArtifact()
	must(t, err)
	must(t, os.WriteFile(w.Path(), []byte("image"), 0o600))
	w.Abort()
	w.Abort()
	if _, err := w.Commit(t.Context(), imageType); err == nil {
		t.Error("committed after abort")
	}
	if _, err := os.Lstat(w.Path()); err == nil {
		t.Error("the image is left after abort")
	}
}

func artifactContext(t testing.TB, s Store) {
	a := mustPutImage(t, s, "image")
	must(t, s.QuarantineArtifact(a.Digest, errWhy))
	w, err := s.NewArtifact()
	must(t, err)
	must(t, os.WriteFile(w.Path(), []byte("image"), 0o600))
	ctx := ended(t)
	_, err = w.Commit(ctx, imageType)
	want(t, "commit", err, ctx.Err())
	wantNoArtifact(t, s, a.Digest)

	a = mustPutImage(t, s, "image")
	dst := filepath.Join(t.TempDir(), "copy")
	want(t, "copy out", s.CopyOut(ctx, a, dst, cas.CopyOptions{}), ctx.Err())
	if _, err := os.Lstat(dst); err == nil {
		t.Error("there is a copy")
	}
}

func artifactCopies(t testing.TB, s Store) {
	a := mustPutImage(t, s, "image")
	dst := filepath.Join(t.TempDir(), "copy")
	for range 2 {
		must(t, s.CopyOut(t.Context(), a, dst, cas.CopyOptions{}))
		if b, err := os.ReadFile(dst); err != nil || string(b) != "image" {
			t.Errorf("the copy holds %q, %v", b, err)
		}
		must(t, os.WriteFile(dst, []byte("the user's"), 0o600))
		wantImage(t, s, a, "image")
	}
	gone := a
	gone.Digest = digest.FromString("gone")
	wantAbsent(t, "copy of what is not there", s.CopyOut(t.Context(), gone, dst, cas.CopyOptions{}))
	if b, err := os.ReadFile(dst); err != nil || string(b) != "the user's" {
		t.Errorf("the older file is now %q, %v", b, err)
	}
}

func artifactQuarantine(t testing.TB, s Store) {
	must(t, s.QuarantineArtifact(digest.FromString("absent"), errWhy))
	a := mustPutImage(t, s, "image")
	must(t, s.QuarantineArtifact(a.Digest, errWhy))
	wantNoArtifact(t, s, a.Digest)
	wantImage(t, s, mustPutImage(t, s, "image"), "image")
}
