package source

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

const fuzzDigest = `"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`

var fuzzDescriptor = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":1,"digest":` + fuzzDigest + `}`

// A manifest that is taken is one that everything after it can rely on.
func FuzzManifest(f *testing.F) {
	config := strings.Replace(fuzzDescriptor, "layer.v1.tar+gzip", "config.v1+json", 1)
	f.Add([]byte(`{"schemaVersion":2,"config":`+config+`,"layers":[`+fuzzDescriptor+`]}`), "")
	f.Add([]byte(`{"schemaVersion":2,"manifests":[`+fuzzDescriptor+`]}`), string(types.OCIImageIndex))
	f.Add([]byte(`{"schemaVersion":1}`), string(types.DockerManifestSchema1))
	f.Fuzz(func(t *testing.T, raw []byte, claimed string) {
		doc := document{raw: raw, digest: digest.FromBytes(raw), claimed: types.MediaType(claimed)}
		b, index, err := doc.parse()
		if err == nil && index {
			if b.Config != nil || b.Layers != nil || len(b.Manifests) > maxDescriptors {
				t.Fatalf("took an index with parts of an image: %+v", b)
			}
			return
		}
		var m Manifest
		if err == nil {
			m, err = doc.image(b)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v is no ErrInvalid", err)
			}
			return
		}
		for i, d := range append(m.Layers, m.Config) {
			if digestOf(d).Validate() != nil || d.Digest.Algorithm != "sha256" || d.Size < 0 {
				t.Fatalf("took descriptor %d: %+v", i, d)
			}
		}
		if !types.MediaType(m.MediaType).IsImage() {
			t.Fatalf("took media type %q", m.MediaType)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":[` + fuzzDigest + `]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ids, err := DiffIDs(raw)
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("error %v is no ErrInvalid", err)
		}
		for _, d := range ids {
			if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
				t.Fatalf("took %q", d)
			}
		}
	})
}

func FuzzDockerEntries(f *testing.F) {
	f.Add([]byte(`[{"Config":"a.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]`), "a:1")
	f.Add([]byte(`[{"RepoTags":null,"Layers":null}]`), "")
	f.Fuzz(func(t *testing.T, raw []byte, ref string) {
		entries, err := parseEntries(raw)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v is no ErrInvalid", err)
			}
			return
		}
		a := &archive{members: map[string]member{}}
		e, err := a.pickDocker(entries, ref, Options{})
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrReference) {
			t.Fatalf("error %v", err)
		}
		if _, _, err := a.imageOf(t.Context(), e, Options{}); err == nil {
			t.Fatal("made an image of an empty archive")
		}
	})
}

func TestDecodeListIsBounded(t *testing.T) {
	for in, want := range map[string]int{`[]`: 0, `null`: 0, `[1,2,3]`: 3, ` [ 1 ] `: 1} {
		got, err := decodeList[int]([]byte(in), 3)
		if err != nil || len(got) != want || (got == nil) != (in == "null") {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{`[1,2,3,4]`, `{}`, `1`, `"x"`, `[1`, ``, `["x"]`} {
		if got, err := decodeList[int]([]byte(in), 3); err == nil {
			t.Errorf("%s: took %v", in, got)
		}
	}
	var d descriptors
	if err := json.Unmarshal([]byte(`[{},`+strings.Repeat(`{},`, maxDescriptors)+`{}]`), &d); err == nil {
		t.Errorf("took %d descriptors", len(d))
	}
}
