package castest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

// putBlob stores text.
func putBlob(t testing.TB, s Store, text string) digest.Digest {
	t.Helper()
	d, err := s.PutBlob(t.Context(), []byte(text))
	must(t, err)
	return d
}

// commitBlob writes text and commits it with what is promised of it.
func commitBlob(t testing.TB, s Store, text string, want digest.Digest, size int64) error {
	t.Helper()
	w, err := s.NewBlob()
	must(t, err)
	defer w.Abort()
	_, err = io.WriteString(w, text)
	must(t, err)
	return w.Commit(t.Context(), want, size)
}

// wantBlob wants text to be there, by each way of reading it.
func wantBlob(t testing.TB, s Store, text string) {
	t.Helper()
	d := digest.FromString(text)
	b, err := s.ReadBlob(d, int64(len(text)))
	if err != nil || string(b) != text {
		t.Errorf("read blob: %d bytes, %v, want %d", len(b), err, len(text))
	}
	f, err := s.OpenBlob(d)
	if err != nil {
		t.Errorf("open blob: %v", err)
		return
	}
	wantRest(t, f, text)
}

// wantRest wants the rest of f to be text, and closes f.
func wantRest(t testing.TB, f *os.File, text string) {
	t.Helper()
	defer func() { must(t, f.Close()) }()
	b, err := io.ReadAll(f)
	if err != nil || string(b) != text {
		t.Errorf("opened blob: %d bytes, %v, want %d", len(b), err, len(text))
	}
}

func wantNoBlob(t testing.TB, s Store, d digest.Digest) {
	t.Helper()
	_, readErr := s.ReadBlob(d, 1<<20)
	wantAbsent(t, "read blob", readErr)
	f, openErr := s.OpenBlob(d)
	wantAbsent(t, "open blob", openErr)
	if openErr == nil {
		_ = f.Close()
	}
}

func blobRoundTrip(t testing.TB, s Store) {
	for _, text := range []string{"", "a", strings.Repeat("long ", 1<<16)} {
		if d := putBlob(t, s, text); d != digest.FromString(text) {
			t.Errorf("digest %s, want %s", d, digest.FromString(text))
		}
		wantBlob(t, s, text)
	}
	w, err := s.NewBlob()
	must(t, err)
	defer w.Abort()
	for i := range 3 {
		if _, err := fmt.Fprint(w, i); err != nil || w.Size() != int64(i+1) {
			t.Errorf("wrote %d bytes, %v, want %d", w.Size(), err, i+1)
		}
	}
	if d := w.Digest(); d != digest.FromString("012") {
		t.Errorf("the writer's digest is %s", d)
	}
	must(t, w.Commit(t.Context(), digest.FromString("012"), 3))
	wantBlob(t, s, "012")
}

func blobAbsent(t testing.TB, s Store) {
	wantNoBlob(t, s, digest.FromString("absent"))
	must(t, s.QuarantineBlob(digest.FromString("absent"), errWhy))
}

func blobAgain(t testing.TB, s Store) {
	putBlob(t, s, "same")
	f, err := s.OpenBlob(digest.FromString("same"))
	must(t, err)
	putBlob(t, s, "same")
	must(t, commitBlob(t, s, "same", digest.FromString("same"), 4))
	wantRest(t, f, "same")
	wantBlob(t, s, "same")
}

func blobWrongDigest(t testing.TB, s Store) {
	for _, claimed := range []string{"other", "", "text "} {
		want(t, "commit", commitBlob(t, s, "text", digest.FromString(claimed), 4), cas.ErrMismatch)
		wantNoBlob(t, s, digest.FromString(claimed))
		wantNoBlob(t, s, digest.FromString("text"))
	}
	must(t, commitBlob(t, s, "text", digest.FromString("text"), -1))
	wantBlob(t, s, "text")
}

// blobWrongSize is a stream that ends early without an error, or too late,
// with and without a digest that would tell.
func blobWrongSize(t testing.TB, s Store) {
	for _, size := range []int64{0, 3, 5, 1 << 40} {
		for _, claimed := range []digest.Digest{"", digest.FromString("text"), digest.FromString("text that is longer")} {
			want(t, fmt.Sprintf("commit of 4 bytes for %d", size), commitBlob(t, s, "text", claimed, size), cas.ErrMismatch)
		}
		wantNoBlob(t, s, digest.FromString("text"))
	}
	must(t, commitBlob(t, s, "text", "", 4))
	wantBlob(t, s, "text")
}

func blobInvisible(t testing.TB, s Store) {
	w, err := s.NewBlob()
	must(t, err)
	_, err = io.WriteString(w, "text")
	must(t, err)
	wantNoBlob(t, s, digest.FromString("text"))
	w.Abort()
	wantNoBlob(t, s, digest.FromString("text"))
}

func blobEnds(t testing.TB, s Store) {
	for name, end := range map[string]func(cas.BlobWriter){
		"commit":        func(w cas.BlobWriter) { must(t, w.Commit(t.Context(), "", -1)) },
		"failed commit": func(w cas.BlobWriter) { _ = w.Commit(t.Context(), "", 100) },
		"abort":         func(w cas.BlobWriter) { w.Abort() },
	} {
		w, err := s.NewBlob()
		must(t, err)
		end(w)
		w.Abort()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Errorf("wrote after %s", name)
		}
		if err := w.Commit(t.Context(), "", -1); err == nil {
			t.Errorf("committed after %s", name)
		}
	}
	wantBlob(t, s, "")
}

func blobLimit(t testing.TB, s Store) {
	d := putBlob(t, s, "12345")
	if _, err := s.ReadBlob(d, 4); !errors.Is(err, cas.ErrTooLarge) || errors.Is(err, cas.ErrNotFound) {
		t.Errorf("read over the limit: %v, want an ErrTooLarge alone", err)
	}
	wantBlob(t, s, "12345")
}

func blobContext(t testing.TB, s Store) {
	ctx := ended(t)
	_, err := s.PutBlob(ctx, []byte("text"))
	want(t, "put blob", err, ctx.Err())
	w, err := s.NewBlob()
	must(t, err)
	_, err = io.WriteString(w, "text")
	must(t, err)
	want(t, "commit", w.Commit(ctx, "", -1), ctx.Err())
	wantNoBlob(t, s, digest.FromString("text"))
}

func blobQuarantine(t testing.TB, s Store) {
	d := putBlob(t, s, "text")
	f, err := s.OpenBlob(d)
	must(t, err)
	must(t, s.QuarantineBlob(d, errWhy))
	wantNoBlob(t, s, d)
	wantRest(t, f, "text")
	putBlob(t, s, "text")
	wantBlob(t, s, "text")
}

// manyAtOnce has several goroutines make the same objects of each kind.
func manyAtOnce(t testing.TB, s Store) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				if err := putOfEachKind(t, s, fmt.Sprint(j)); err != nil {
					t.Errorf("%d, round %d: %v", i, j, err)
				}
			}
		})
	}
	all.Wait()
	for j := range 5 {
		text := fmt.Sprint(j)
		wantBlob(t, s, text)
		wantLayer(t, s, digest.FromString(text), text, text)
		key, _, err := cas.ActionKey(text)
		must(t, err)
		a, err := s.Action(key)
		must(t, err)
		_, err = s.Artifact(a.Artifact)
		must(t, err)
	}
}

// putOfEachKind may run beside itself, and so returns its errors.
func putOfEachKind(t testing.TB, s Store, text string) error {
	d, blobErr := s.PutBlob(t.Context(), []byte(text))
	layerErr := putLayer(t, s, digest.FromString(text), text, text)
	a, artifactErr := putImage(t, s, text, imageType)
	key, preimage, keyErr := cas.ActionKey(text)
	if err := errors.Join(blobErr, layerErr, artifactErr, keyErr); err != nil {
		return err
	}
	err := s.PutAction(t.Context(), cas.Action{Key: key, Preimage: preimage, Artifact: a.Digest, Blobs: []digest.Digest{d}})
	if err != nil {
		return err
	}
	_, err = s.Action(key)
	return err
}
