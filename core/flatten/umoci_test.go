package flatten_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/ocitest"
	"banger/sdk/tree"
)

// umociUnpack unpacks an image of plain tars with umoci, as root, and returns
// its rootfs.
func umociUnpack(t *testing.T, tars ...[]byte) string {
	t.Helper()
	need.Root(t)
	umoci := need.Tool(t, "umoci", "umoci")
	dir := t.TempDir()
	image, bundle := filepath.Join(dir, "image"), filepath.Join(dir, "bundle")
	var layers []ocitest.Layer
	for _, b := range tars {
		layers = append(layers, ocitest.Layer{Tar: b, Compression: ocitest.Gzip})
	}
	if _, err := ocitest.Write(image, layers...); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), umoci, "unpack", "--image", image+":latest", bundle).CombinedOutput()
	if err != nil {
		t.Fatalf("umoci unpack: %v: %s", err, out)
	}
	return filepath.Join(bundle, "rootfs")
}

// mustFlatten flattens plain tars.
func mustFlatten(t *testing.T, tars ...[]byte) *tree.Tree {
	t.Helper()
	tr, err := flatten.Flatten(t.Context(), unpackAll(t, tars...).layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tr.Tree
}

// compare wants the tree and the directory to be the same.
func compare(t *testing.T, tr *tree.Tree, dir string, o fstree.Options) {
	t.Helper()
	got, err := fstree.List(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := fstree.Diff(fstree.FromTree(tr, o), got, 20); diff != nil {
		t.Errorf("the tree is wanted, the judge has:\n%s", strings.Join(diff, "\n"))
	}
}

// Why umoci has something otherwise than flatten.
const (
	umociOrder  = "after names of the same layer, a whiteout leaves their directory the attributes of lower layers; before them, it does not"
	umociAufs   = "it takes only the last component of a name for aufs metadata"
	umociParent = "it fails where a parent is not a directory"
	umociPath   = "it works below its own bundle, whose path comes on top"
	umociLater  = "it needs a hardlink's target to be there when it meets the link, after removing what stood at the link's name"
	umociAttrs  = "it passes over a hardlink entry's attributes, unlike docker and containerd"
)

// umociDiffers are the rules that umoci has otherwise.
var umociDiffers = map[string]string{
	"of a directory that the layer puts names in leaves one that nobody declares": umociOrder,
	"hide a directory's attributes when the layer only puts names in it":          umociOrder,
	"is ignored with all below it":                                                umociAufs,
	"that is a file becomes a directory":                                          umociParent,
	"that is a file of the same layer becomes a directory":                        umociParent,
	"that is a symlink to a file makes the file a directory":                      umociParent,
	"that make a path of 4095 bytes":                                              umociPath,
	"to a target that comes later in the layer":                                   umociLater,
	"to links that come later, in a row":                                          umociLater,
	"in place of the directory that holds the target":                             umociLater,
	"to themselves keep the file":                                                 umociLater,
	"to themselves that come later":                                               umociLater,
	"to later targets, overwritten meanwhile":                                     umociLater,
	"to later targets are no directories meanwhile":                               umociLater,
	"to later targets are not removed by the layer's whiteouts":                   umociLater,
	"apply after those of a later target":                                         umociLater,
	"of several links to a later target apply in their order":                     umociLater,
	"of a link to itself apply":                                                   umociLater,
	"set xattrs through links that come later, too":                               umociLater,
	"apply to the inode":                                                          umociAttrs,
	"apply to the inode of a lower layer":                                         umociAttrs,
	"apply even if the link's name is overwritten later":                          umociAttrs,
	"leave a symlink its mode":                                                    umociAttrs,
	"set xattrs by name and leave the others":                                     umociAttrs,
	"of a group that was split apply to one part":                                 umociAttrs,
}

// TestUmociAgreesOnRules has umoci unpack the images of the rules' tests.
// Directories' mtimes are left to TestUmociAgreesOnRandomImages: most of
// these images do not declare all of theirs.
func TestUmociAgreesOnRules(t *testing.T) {
	need.Root(t)
	rules := slices.Concat(whiteoutsRules(), opaqueWhiteoutsRules(), aufsMetadataRules(), replacingRules(),
		parentsRules(), rootRules(), namesRules(), symlinksRules(), hardlinksRules(), hardlinkAttributesRules())
	noDirTimes := fstree.Options{SkipXattr: fstree.HostXattr, Edit: func(r *fstree.Record) {
		if r.Type == tree.Directory {
			r.MTime = tree.Time{}
		}
	}}
	for _, tt := range rules {
		if tt.err != nil || tt.opts != (flatten.Options{}) || len(tt.layers) == 0 || umociDiffers[tt.name] != "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			compare(t, mustFlatten(t, tt.layers...), umociUnpack(t, tt.layers...), noDirTimes)
		})
	}
}

// TestUmociAgreesOnRandomImages compares everything, except for the mtimes of
// directories that a whiteout above them took something from: umoci restores
// only that of the whiteout's own directory.
func TestUmociAgreesOnRandomImages(t *testing.T) {
	need.Root(t)
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			d := &imageDrawer{ctx: t.Context(), Rand: rand.New(rand.NewPCG(seed, 0))}
			d.draw()
			compare(t, mustFlatten(t, d.tars()...), umociUnpack(t, d.tars()...), fstree.Options{
				SkipXattr: fstree.HostXattr,
				Edit: func(r *fstree.Record) {
					if d.noTime[r.Path] {
						r.MTime = tree.Time{}
					}
				},
			})
		})
	}
}

// TestUmociAgreesOnAlpine compares a real image.
func TestUmociAgreesOnAlpine(t *testing.T) {
	t.Parallel()
	archive := need.File(t, "../../../shared/images/alpine-3.11-docker-archive.tar.gz", "the project's shared images")
	tars := dockerLayers(t, archive)
	tr := mustFlatten(t, tars...)
	t.Logf("%d layers, %d paths", len(tars), len(tr.Entries))
	compare(t, tr, umociUnpack(t, tars...), fstree.Options{SkipXattr: fstree.HostXattr})
}

// dockerLayers reads the layers of a docker-archive.
func dockerLayers(t *testing.T, path string) [][]byte {
	t.Helper()
	files := map[string][]byte{}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			files[h.Name], err = io.ReadAll(tr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct{ Layers []string }
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	var tars [][]byte
	for _, name := range manifest[0].Layers {
		tars = append(tars, files[name])
	}
	return tars
}
