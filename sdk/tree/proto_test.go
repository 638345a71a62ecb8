package tree_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	pb "banger/sdk/proto"
	"banger/sdk/tree"
)

// toProto says an entry in the generated code's words.
func toProto(e *tree.Entry) *pb.Entry {
	p := &pb.Entry{
		Path: []byte(e.Path), Type: pb.FileType(e.Type), Mode: e.Mode, Uid: e.UID, Gid: e.GID,
		MtimeSec: e.MTime.Sec, MtimeNsec: e.MTime.Nsec, Target: []byte(e.Target),
		DevMajor: e.DevMajor, DevMinor: e.DevMinor, Links: e.Links, Size: uint64(e.Size),
	}
	for _, x := range e.Xattrs {
		p.Xattrs = append(p.Xattrs, &pb.Xattr{Name: []byte(x.Name), Value: []byte(x.Value)})
	}
	if e.Type == tree.Regular {
		p.Sha256 = e.SHA256[:]
	}
	for _, x := range e.Extents {
		p.Extents = append(p.Extents, &pb.Extent{
			Offset: uint64(x.Offset), Layer: uint32(x.Layer), PackOffset: uint64(x.PackOffset), Length: uint64(x.Length),
		})
	}
	return p
}

// TestAgreesWithProtobuf has the generated code as the judge of each message.
func TestAgreesWithProtobuf(t *testing.T) {
	marshal := proto.MarshalOptions{Deterministic: true}
	rapid.Check(t, func(t *rapid.T) {
		tr := trees.Draw(t, "tree")
		msg, rest, err := tree.CutMessage(string(encode(t, tr)))
		if err != nil {
			t.Fatal(err)
		}
		want := &pb.TreeHeader{Version: 1, Layers: tr.Layers, Entries: uint64(len(tr.Entries))}
		var got pb.TreeHeader
		if err := proto.Unmarshal([]byte(msg), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
			t.Fatalf("header (-want +got):\n%s", diff)
		}
		for i := range tr.Entries {
			if msg, rest, err = tree.CutMessage(rest); err != nil {
				t.Fatal(err)
			}
			judged, err := marshal.Marshal(toProto(&tr.Entries[i]))
			if err != nil {
				t.Fatal(err)
			}
			if string(judged) != msg {
				t.Fatalf("entry %d:\n%x, protobuf has\n%x", i, msg, judged)
			}
		}
		if rest != "" {
			t.Fatalf("after the last entry: %x", rest)
		}
	})
}
