package flatten_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/core/unpack"
	"banger/sdk/tree"
)

// sentinels are all that a *flatten.Error may wrap.
var sentinels = []error{
	flatten.ErrUnsafePath, flatten.ErrWhiteout, flatten.ErrHardlink,
	flatten.ErrSymlinkLoop, flatten.ErrLimit, flatten.ErrInvalid,
}

// FuzzLayers unpacks and flattens foreign bytes as up to three layers: data
// is cut where the bytes of sep stand. What comes out is a valid tree that
// survives being written and read, or an error of the documented kind.
func FuzzLayers(f *testing.F) {
	for _, tt := range whiteoutsRules() {
		f.Add(joinLayers(tt.layers), false)
	}
	for _, tt := range hardlinksRules() {
		f.Add(joinLayers(tt.layers), true)
	}
	for _, rules := range [][]ruleTest{parentsRules(), symlinksRules()} {
		for _, tt := range rules[:min(len(rules), 12)] {
			f.Add(joinLayers(tt.layers), true)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, contain bool) {
		var layers []*layer.Index
		for _, tarball := range bytes.SplitN(data, []byte(sep), 3) {
			x, err := fuzzUnpack(t.Context(), tarball)
			if err != nil {
				return // core/unpack's own fuzzing judges these
			}
			layers = append(layers, x)
		}
		tr, err := flatten.Flatten(t.Context(), layers, flatten.Options{Contain: contain, MaxEntries: 1 << 16, MaxDepth: 300})
		if err != nil {
			checkFuzzError(t, err)
			return
		}
		checkFuzzTree(t, tr.Tree)
	})
}

// sep separates the layers of one fuzz input. No tar block begins with it.
const sep = "<next layer>"

func joinLayers(tars [][]byte) []byte { return bytes.Join(tars, []byte(sep)) }

func fuzzUnpack(ctx context.Context, tarball []byte) (*layer.Index, error) {
	var pack, index bytes.Buffer
	l := unpack.Layer{Size: -1, DiffID: digest.FromBytes(tarball)}
	lim := unpack.Limits{Entries: 1 << 12, FileSize: 1 << 20, TotalSize: 1 << 22}
	if _, err := unpack.Unpack(ctx, bytes.NewReader(tarball), l, unpack.Dest{Pack: &pack, Index: &index}, lim, nil); err != nil {
		return nil, err
	}
	return layer.Parse(index.String())
}

func checkFuzzError(t *testing.T, err error) {
	t.Helper()
	var e *flatten.Error
	if !errors.As(err, &e) || e.Layer == "" || e.Entry < 0 {
		t.Fatalf("error without a place: %v", err)
	}
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return
		}
	}
	t.Fatalf("error without a sentinel: %v", err)
}

func checkFuzzTree(t *testing.T, tr *tree.Tree) {
	t.Helper()
	if err := tr.Validate(); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if _, err := tr.WriteTo(&first); err != nil {
		t.Fatal(err)
	}
	again, err := tree.Read(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.WriteTo(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("the tree changes when it is written and read: %v", err)
	}
}

// FuzzModel lets the fuzzer draw what TestAgainstModel draws at random.
func FuzzModel(f *testing.F) { f.Fuzz(rapid.MakeFuzz(againstModel)) }
