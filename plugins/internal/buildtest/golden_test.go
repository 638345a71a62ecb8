package buildtest

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"testing"

	"banger/internal/filetest"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

var update = flag.Bool("update", false, "note the images of new revisions and versions in testdata/golden")

// The corpus is kept as it was when it was first noted, and so is, for each
// builder, its revision and the SHA-256 of the image that root gets, by
// version of mke2fs, which is "none" for the builder that does not run it.
const (
	goldenTree   = "testdata/golden/tree"
	goldenPack   = "testdata/golden/pack"
	goldenImages = "testdata/golden/images.json"
)

type goldens map[string]*golden

type golden struct {
	Revision uint32            `json:"revision"`
	Images   map[string]string `json:"images"`
}

// TestGolden fails when the bytes change and the revision does not: a store
// must never mix the two.
func TestGolden(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	known := goldens{}
	want, packs := goldenCorpus(t)
	text, err := os.ReadFile(goldenImages)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	for name, builder := range builders {
		d, err := builder.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known.check(t, name, d, filetest.SHA256(t, build(t, job{builder: name, tree: want, packs: packs}).image))
	}
	if !*update || t.Failed() {
		return
	}
	if text, err = json.MarshalIndent(known, "", "  "); err == nil {
		err = os.WriteFile(goldenImages, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (g goldens) check(t *testing.T, name string, d sdk.Description, sum string) {
	version := "none"
	if len(d.Tools) > 0 {
		version = d.Tools[0].Version
	}
	e := g[name]
	if e == nil || e.Revision != d.Revision && *update {
		e = &golden{Revision: d.Revision, Images: map[string]string{}}
		g[name] = e
	}
	switch was := e.Images[version]; {
	case e.Revision != d.Revision:
		t.Errorf("%s: revision %d is not noted: run with -update", name, d.Revision)
	case was == "" && *update:
		e.Images[version] = sum
	case was == "":
		t.Logf("%s: no image of mke2fs %s is noted: run with -update", name, version)
		if version == "none" {
			t.Fail()
		}
	case was != sum:
		t.Errorf("%s: the image is %s and was %s at revision %d: give it a new revision", name, sum, was, d.Revision)
	}
}

// goldenCorpus reads the corpus, or makes it when it is to be updated and is
// not there.
func goldenCorpus(t *testing.T) (*tree.Tree, *treetest.Packs) {
	t.Helper()
	f, err := os.Open(goldenTree)
	if errors.Is(err, os.ErrNotExist) && *update {
		makeGoldenCorpus(t)
		f, err = os.Open(goldenTree)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := tree.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := os.Open(goldenPack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pack.Close() })
	return want, &treetest.Packs{File: pack}
}

func makeGoldenCorpus(t *testing.T) {
	t.Helper()
	b := newTree(t)
	small(b)
	want, packs := b.Tree()
	if _, err := writeTree(goldenTree, want); err != nil {
		t.Fatal(err)
	}
	pack, err := os.Create(goldenPack)
	if err != nil {
		t.Fatal(err)
	}
	defer pack.Close()
	if _, err := io.Copy(pack, io.NewSectionReader(packs.File, 0, 1<<20)); err != nil {
		t.Fatal(err)
	}
}
