package cas

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestSkeletonDigestIsFixed pins the digest, the manifest and the list of
// bodies: what two hosts with the same unpacked layers must agree on.
func TestSkeletonDigestIsFixed(t *testing.T) {
	s := openTest(t, t.TempDir())
	unused, used := digest.FromString("unused"), digest.FromString("tar")
	must(t, putLayer(t, s, unused, "", "nothing"))
	must(t, putLayer(t, s, used, "the index", "0123456789"))
	a := putSkeleton(t, s, "image of some bytes", Bodies{
		Layers: []digest.Digest{unused, used}, List: []Body{{2, 1, 3, 4}, {10, 1, 0, 5}},
	})
	dir := s.path(kindArtifact.dir(), a.Digest.Encoded())
	list := "banger bodies 1\n\x02\x00\x03\x04\x04\x00\x00\x05"
	want := fmt.Sprintf(`{"bodies":{"layers":[{"diffID":"%s","index":"%s","packSize":10}],"sha256":"%s"},`+
		`"chunkSize":4194304,"chunks":["%s"],"mediaType":"application/x-test","size":19}`,
		used, digest.FromString("the index").Encoded(), digest.FromString(list).Encoded(), digest.FromString("image of some bytes").Encoded())
	for name, want := range map[string]string{bodiesName: list, manifestName: want} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v\nwant %q", name, got, err, want)
		}
	}
	if a.Digest != digest.FromString(want) {
		t.Errorf("digest %s", a.Digest)
	}
	if layers, err := s.ArtifactLayers(a.Digest); err != nil || len(layers) != 1 || layers[0] != used {
		t.Errorf("layers %v, %v", layers, err)
	}
	if got := string(copied(t, s, a)); got != "im3456of s01234ytes" {
		t.Errorf("the copy is %q", got)
	}
}

// TestSkeletonNeedsItsLayers: without a layer, or with one that was unpacked
// in another way, an artifact is absent and no damage is spoken of; with the
// layer it is there again.
func TestSkeletonNeedsItsLayers(t *testing.T) {
	s := openTest(t, t.TempDir())
	layer := digest.FromString("tar")
	put := func(index, pack string) { must(t, putLayer(t, s, layer, index, pack)) }
	put("index", "the pack")
	a := putSkeleton(t, s, "an image", Bodies{Layers: []digest.Digest{layer}, List: []Body{{Length: 3}}})
	key, preimage, err := ActionKey("q")
	must(t, err)
	action := Action{Key: key, Preimage: preimage, Artifact: a.Digest}
	must(t, s.PutAction(t.Context(), action))
	check := func(what string, there bool) {
		t.Helper()
		_, found := s.Artifact(a.Digest)
		_, hit := s.Action(key)
		_, _, peeked := s.PeekAction(key)
		copied := s.CopyOut(t.Context(), a, filepath.Join(t.TempDir(), "copy"), CopyOptions{})
		again := s.PutAction(t.Context(), action)
		for name, err := range map[string]error{"Artifact": found, "Action": hit, "PeekAction": peeked, "CopyOut": copied, "PutAction": again} {
			if there != (err == nil) || err != nil && (!errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt)) {
				t.Errorf("%s: %s: %v", what, name, err)
			}
		}
		v, err := s.Verify(t.Context(), VerifyOptions{})
		must(t, err)
		if there != (len(v.Problems) == 0) || !there && (len(v.Problems) != 1 || v.Problems[0].Kind != KindAction || v.Problems[0].Verdict != Dangling) {
			t.Errorf("%s: verify finds %q", what, describe(v))
		}
	}
	check("there", true)
	must(t, s.QuarantineLayer(layer, errors.New("a test")))
	check("quarantined", false)
	put("another index", "the pack")
	check("with another index", false)
	must(t, s.QuarantineLayer(layer, errors.New("a test")))
	put("index", "the pack, longer")
	check("with another pack", false)
	must(t, s.QuarantineLayer(layer, errors.New("a test")))
	put("index", "the pack")
	check("there again", true)
}

// TestSkeletonInUse: whoever has found an artifact has found its layers, too, and
// no gc takes them away; an action keeps them when nobody lives.
func TestSkeletonInUse(t *testing.T) {
	dir := t.TempDir()
	maker := openTest(t, dir)
	layer := digest.FromString("tar")
	must(t, putLayer(t, maker, layer, "index", "the pack"))
	a := putSkeleton(t, maker, "an image", Bodies{Layers: []digest.Digest{layer}, List: []Body{{Length: 3}}})
	key, preimage, err := ActionKey("q")
	must(t, err)
	must(t, maker.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: a.Digest}))
	must(t, maker.Close())
	s, user := openTest(t, dir), openTest(t, dir)
	_, err = s.GC(t.Context(), GCOptions{}) // it knows of no references
	must(t, err)
	_, err = user.Artifact(a.Digest)
	must(t, err)
	_, err = s.GC(t.Context(), GCOptions{All: true})
	must(t, err)
	if _, _, err := s.PeekAction(key); !errors.Is(err, ErrNotFound) {
		t.Errorf("the action is there: %v", err)
	}
	if got := string(copied(t, user, a)); got != "theimage" {
		t.Errorf("the copy is %q", got)
	}
	must(t, user.Close())
	_, err = s.GC(t.Context(), GCOptions{All: true})
	must(t, err)
	if has(t, s, Object{KindLayer, layer}) || has(t, s, Object{KindArtifact, a.Digest}) {
		t.Error("what nobody uses is left")
	}
}

// TestRefusedBodies: an artifact of bodies that are nowhere is not made.
func TestRefusedBodies(t *testing.T) {
	s := openTest(t, t.TempDir())
	layer := digest.FromString("tar")
	must(t, putLayer(t, s, layer, "index", "the pack"))
	layers := []digest.Digest{layer}
	for name, b := range map[string]Bodies{
		"empty":              {layers, []Body{{0, 0, 0, 0}}},
		"negative length":    {layers, []Body{{0, 0, 0, -1}}},
		"before the image":   {layers, []Body{{-1, 0, 0, 1}}},
		"before the pack":    {layers, []Body{{0, 0, -1, 1}}},
		"beyond the image":   {layers, []Body{{3, 0, 0, 3}}},
		"beyond the pack":    {layers, []Body{{0, 0, 7, 2}}},
		"far beyond":         {layers, []Body{{1 << 62, 0, 1 << 62, 1 << 62}}},
		"overlapping":        {layers, []Body{{0, 0, 0, 2}, {1, 0, 0, 2}}},
		"unsorted":           {layers, []Body{{3, 0, 0, 1}, {0, 0, 0, 1}}},
		"of no layer":        {layers, []Body{{0, 1, 0, 1}}},
		"of a layer below 0": {layers, []Body{{0, -1, 0, 1}}},
		"of an absent layer": {[]digest.Digest{digest.FromString("absent")}, []Body{{0, 0, 0, 1}}},
		"of no digest":       {[]digest.Digest{"../../etc"}, []Body{{0, 0, 0, 1}}},
	} {
		a, err := commitSkeleton(t, s, func(f *os.File) error { _, err := f.WriteString("image"); return err }, b)
		if err == nil || errors.Is(err, ErrNotFound) != (name == "of an absent layer") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if names, err := os.ReadDir(s.path(kindArtifact.dir())); err != nil || len(names) > 0 {
		t.Errorf("%d artifacts, %v", len(names), err)
	}
}

func FuzzParseBodies(f *testing.F) {
	f.Add(encodeBodies([]Body{{2, 1, 3, 4}, {10, 0, 0, 5}}))
	f.Add(encodeBodies(nil))
	f.Add([]byte(bodiesMagic + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x01"))
	packs := []int64{10, 1 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseBodies(b, 1<<30, packs)
		if err != nil {
			if !errors.Is(err, errBadContent) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		if err := (Bodies{Layers: make([]digest.Digest, 2), List: list}).check(1<<30, packs); err != nil {
			t.Fatal(err)
		}
		again, err := parseBodies(encodeBodies(list), 1<<30, packs)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(list) {
			t.Fatalf("written again: %v, %v, want %v", again, err, list)
		}
	})
}
