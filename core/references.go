package core

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/flatten"
	"banger/core/source"
)

// References tells the store's gc what the actions and blobs that this package
// keeps refer to. An image keeps its config, its layers and its tree; a build
// keeps its image, so that the next one with other options need not pull it.
type References struct{}

var _ cas.References = References{}

// Action implements cas.References.
func (References) Action(a cas.Action, read func(digest.Digest) []byte) []cas.Reference {
	var p struct {
		Kind     string          `json:"kind"`
		Manifest digest.Digest   `json:"manifest"`
		Layers   []digest.Digest `json:"layers"`
	}
	if err := json.Unmarshal(a.Preimage, &p); err != nil {
		return nil
	}
	switch p.Kind {
	case "tree":
		return layerRefs(p.Layers)
	case "build":
		refs := []cas.Reference{{Object: cas.Object{Kind: cas.KindBlob, Digest: p.Manifest}, Image: true}}
		return append(refs, References{}.Manifest(p.Manifest, read)...)
	}
	return nil
}

// manifestBlob is what references look at in a manifest or an index.
type manifestBlob struct {
	Config struct {
		Digest digest.Digest `json:"digest"`
	} `json:"config"`
	Layers    []blobRef `json:"layers"`
	Manifests []blobRef `json:"manifests"`
}

type blobRef struct {
	Digest digest.Digest `json:"digest"`
}

// Manifest implements cas.References. What other programs tag may be an index:
// it keeps every image that it lists.
func (References) Manifest(d digest.Digest, read func(digest.Digest) []byte) []cas.Reference {
	return manifestRefs(d, read, make(map[digest.Digest]bool))
}

func manifestRefs(d digest.Digest, read func(digest.Digest) []byte, seen map[digest.Digest]bool) []cas.Reference {
	var m manifestBlob
	if seen[d] || json.Unmarshal(read(d), &m) != nil {
		return nil
	}
	seen[d] = true
	var refs []cas.Reference
	for _, child := range m.Manifests {
		refs = append(refs, blobReference(child.Digest))
		refs = append(refs, manifestRefs(child.Digest, read, seen)...)
	}
	if m.Config.Digest == "" {
		return refs
	}
	refs = append(refs, blobReference(m.Config.Digest))
	diffIDs, err := source.DiffIDs(read(m.Config.Digest))
	if err != nil {
		diffIDs = nil
	}
	for i, l := range m.Layers {
		ref := blobReference(l.Digest)
		if len(diffIDs) == len(m.Layers) {
			ref.Unpacked = diffIDs[i]
		}
		refs = append(refs, ref)
	}
	return append(append(refs, layerRefs(diffIDs)...), treeRefs(diffIDs)...)
}

func blobReference(d digest.Digest) cas.Reference {
	return cas.Reference{Object: cas.Object{Kind: cas.KindBlob, Digest: d}}
}

func layerRefs(diffIDs []digest.Digest) []cas.Reference {
	var refs []cas.Reference
	for _, d := range diffIDs {
		refs = append(refs, cas.Reference{Object: cas.Object{Kind: cas.KindLayer, Digest: d}})
	}
	return refs
}

// treeRefs are the actions that keep the trees of an image's layers.
func treeRefs(diffIDs []digest.Digest) []cas.Reference {
	var refs []cas.Reference
	for _, contain := range []bool{false, true} {
		in := flattenInputs{Revision: flatten.Revision, ContainPaths: contain}
		key, _, err := cas.ActionKey(treePreimage{Kind: "tree", Layers: diffIDs, Flatten: in})
		if err == nil && len(diffIDs) > 0 {
			refs = append(refs, cas.Reference{Object: cas.Object{Kind: cas.KindAction, Digest: key}})
		}
	}
	return refs
}

// Index implements cas.References.
func (References) Index(blob []byte) []digest.Digest {
	var m manifestBlob
	if len(blob) == 0 || blob[0] != '{' || json.Unmarshal(blob, &m) != nil {
		return nil
	}
	var all []digest.Digest
	for _, child := range m.Manifests {
		all = append(all, child.Digest)
	}
	return all
}
