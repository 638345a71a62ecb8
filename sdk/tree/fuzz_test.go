package tree_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "banger/sdk/proto"
	"banger/sdk/tree"
)

// FuzzRead reads any bytes; what is a tree comes back the same from its
// canonical form.
func FuzzRead(f *testing.F) {
	f.Add(encode(f, small()))
	f.Add(encode(f, &tree.Tree{Entries: small().Entries[:1]}))
	f.Fuzz(func(t *testing.T, file []byte) {
		tr, err := tree.Read(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, tree.ErrCorrupt) {
				t.Fatalf("error without the sentinel: %v", err)
			}
			return
		}
		again, err := tree.Read(bytes.NewReader(encode(t, tr)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range tr.Entries {
			if tr.Entries[i].Type != tree.Regular {
				tr.Entries[i].SHA256 = [32]byte{} // it is not kept
			}
		}
		if diff := cmp.Diff(tr, again); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzDecode decodes any bytes, and where protobuf takes them too, wants
// the same.
func FuzzDecode(f *testing.F) {
	for _, e := range small().Entries {
		f.Add(tree.AppendEntry(nil, &e))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := decode(msg)
		if err != nil {
			return
		}
		again, err := decode(tree.AppendEntry(nil, &e))
		if err != nil && e.Type != 0 {
			t.Fatal(err)
		}
		if e.Type != tree.Regular {
			e.SHA256 = [32]byte{} // it is not kept
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Error(diff)
		}
		var judged pb.Entry
		if err := proto.Unmarshal(msg, &judged); err != nil {
			return
		}
		judged.Sha256 = nil
		judged.ProtoReflect().SetUnknown(nil)
		mine := toProto(&e)
		mine.Sha256 = nil
		opts := []cmp.Option{protocmp.Transform(), protocmp.IgnoreUnknown()}
		if diff := cmp.Diff(&judged, mine, opts...); diff != "" {
			t.Errorf("(-protobuf +banger):\n%s", diff)
		}
	})
}
