package cas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// annotationRefName names a manifest in an OCI index (image-spec,
// annotations.md).
const annotationRefName = "org.opencontainers.image.ref.name"

const (
	ociLayout   = `{"imageLayoutVersion":"1.0.0"}`
	emptyIndex  = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	maxOCIIndex = 64 << 20
)

// Descriptor points at a manifest, as in image-spec, descriptor.md.
type Descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	// Platform is the platform object of an image index, or nil.
	Platform json.RawMessage `json:"platform,omitempty"`
}

// ociIndex is an index.json. What this package does not know is kept.
type ociIndex struct {
	fields    map[string]json.RawMessage
	manifests []ociEntry
}

type ociEntry struct {
	fields      map[string]json.RawMessage
	annotations map[string]string
	desc        Descriptor
}

func parseOCIIndex(b []byte) (*ociIndex, error) {
	var x ociIndex
	if err := json.Unmarshal(b, &x.fields); err != nil {
		return nil, err
	}
	var schema int
	var list []json.RawMessage
	if err := errors.Join(member(x.fields, "schemaVersion", &schema), member(x.fields, "manifests", &list)); err != nil {
		return nil, err
	}
	if schema != 2 {
		return nil, fmt.Errorf("schema version %d, want 2", schema)
	}
	for i, raw := range list {
		e, err := parseOCIEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("manifest %d: %w", i, err)
		}
		x.manifests = append(x.manifests, e)
	}
	return &x, nil
}

func parseOCIEntry(raw json.RawMessage) (ociEntry, error) {
	var e ociEntry
	if err := json.Unmarshal(raw, &e.fields); err != nil {
		return e, err
	}
	if e.fields == nil {
		return e, errors.New("no object")
	}
	return e, errors.Join(
		member(e.fields, "annotations", &e.annotations),
		member(e.fields, "mediaType", &e.desc.MediaType),
		member(e.fields, "digest", &e.desc.Digest),
		member(e.fields, "size", &e.desc.Size),
		member(e.fields, "platform", &e.desc.Platform),
	)
}

// member decodes the member of that very name, where there is one.
// encoding/json alone would take it in any case of letters.
func member(fields map[string]json.RawMessage, name string, v any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (x *ociIndex) encode() ([]byte, error) {
	list := make([]map[string]json.RawMessage, len(x.manifests))
	for i := range x.manifests {
		list[i] = x.manifests[i].fields
	}
	manifests, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	x.fields["manifests"] = manifests
	return json.Marshal(x.fields)
}

// find returns the first entry with the name.
func (x *ociIndex) find(name string) (Descriptor, bool) {
	for _, e := range x.manifests {
		if e.annotations[annotationRefName] == name {
			return e.desc, true
		}
	}
	return Descriptor{}, false
}

// tag gives the manifest a name, which it takes from any other. A manifest
// that so loses its only name stays as an entry without one.
func (x *ociIndex) tag(desc Descriptor, name string) error {
	entries := map[digest.Digest]int{}
	for _, e := range x.manifests {
		entries[e.desc.Digest]++
	}
	kept := make([]ociEntry, 0, len(x.manifests)+1)
	for _, e := range x.manifests {
		named, same := e.annotations[annotationRefName], e.desc.Digest == desc.Digest
		if same && (named == "" || named == name) {
			continue
		}
		if named == name {
			if err := e.unname(); err != nil {
				return err
			}
			if entries[e.desc.Digest] > 1 && len(e.annotations) == 0 {
				entries[e.desc.Digest]--
				continue
			}
		}
		kept = append(kept, e)
	}
	e, err := newOCIEntry(desc, name)
	x.manifests = append(kept, e)
	return err
}

// remove takes out the entries of a manifest with a name, which may be "", and
// says whether there were any.
func (x *ociIndex) remove(d digest.Digest, name string) bool {
	before := len(x.manifests)
	x.manifests = slices.DeleteFunc(x.manifests, func(e ociEntry) bool {
		return e.desc.Digest == d && e.annotations[annotationRefName] == name
	})
	return len(x.manifests) < before
}

// unname takes an entry's name away.
func (e *ociEntry) unname() (err error) {
	delete(e.annotations, annotationRefName)
	if len(e.annotations) == 0 {
		delete(e.fields, "annotations")
		return nil
	}
	e.fields["annotations"], err = json.Marshal(e.annotations)
	return err
}

func newOCIEntry(desc Descriptor, name string) (ociEntry, error) {
	if !utf8.ValidString(name) || !utf8.ValidString(desc.MediaType) {
		return ociEntry{}, errors.New("name or media type is not valid UTF-8")
	}
	raw, err := json.Marshal(struct {
		Descriptor
		Annotations map[string]string `json:"annotations"`
	}{desc, map[string]string{annotationRefName: name}})
	if err != nil {
		return ociEntry{}, err
	}
	return parseOCIEntry(raw)
}
