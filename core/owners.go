package core

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

// owners knows the images that objects of the store belong to.
type owners struct {
	e     *Engine
	names map[ownedObject]map[string]bool
	trees map[digest.Digest]digest.Digest // each tree's action, by the tree
}

type ownedObject struct {
	kind   string // of cas.Problem
	digest digest.Digest
}

// of returns the references of the images of an object, sorted.
func (o *owners) of(kind string, d digest.Digest) []string {
	if kind == "index.json" {
		kind = "blob"
	}
	return slices.Sorted(maps.Keys(o.names[ownedObject{kind, d}]))
}

// owners follows index.json and the actions to the objects that they name.
// What cannot be read is not followed; nothing is set aside or counts as used.
func (e *Engine) owners() *owners {
	o := &owners{e: e, names: make(map[ownedObject]map[string]bool), trees: make(map[digest.Digest]digest.Digest)}
	for name, desc := range e.Store.Tags() {
		o.image(name, desc.Digest)
	}
	var builds []cas.Action
	_ = e.Store.EachAction(func(a cas.Action, _ cas.Use) error {
		switch kindOf(a) {
		case "build":
			builds = append(builds, cas.Action{Key: a.Key, Preimage: a.Preimage, Artifact: a.Artifact, Blobs: a.Blobs, Result: a.Result})
		case "tree":
			if len(a.Blobs) == 1 {
				o.trees[a.Blobs[0]] = a.Key
			}
		}
		return nil
	})
	for _, a := range builds {
		o.build(a)
	}
	return o
}

func kindOf(a cas.Action) string {
	var p struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(a.Preimage, &p) != nil {
		return ""
	}
	return p.Kind
}

func (o *owners) add(name, kind string, d digest.Digest) {
	key := ownedObject{kind, d}
	if o.names[key] == nil {
		o.names[key] = make(map[string]bool)
	}
	o.names[key][name] = true
}

// build adds what belongs to a built image.
func (o *owners) build(a cas.Action) {
	var ans buildAnswer
	var p buildPreimage
	if json.Unmarshal(a.Result, &ans) != nil || json.Unmarshal(a.Preimage, &p) != nil || ans.Ref == "" {
		return
	}
	o.add(ans.Ref, "action", a.Key)
	o.add(ans.Ref, "artifact", a.Artifact)
	for _, d := range a.Blobs {
		o.add(ans.Ref, "blob", d)
		if tree, ok := o.trees[d]; ok {
			o.add(ans.Ref, "action", tree)
		}
	}
	o.image(ans.Ref, p.Manifest)
}

// image adds a manifest with what it refers to.
func (o *owners) image(name string, d digest.Digest) {
	o.add(name, cas.KindBlob, d)
	for _, r := range (References{}).Manifest(d, o.read) {
		o.add(name, r.Kind, r.Digest)
	}
}

// read returns a blob, nil for one that cannot be read.
func (o *owners) read(d digest.Digest) []byte {
	b, err := o.e.Store.PeekBlob(d, maxManifest)
	if err != nil {
		return nil
	}
	return b
}
