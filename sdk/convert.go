package sdk

import (
	"fmt"
	"math"
	"unicode/utf8"

	pb "banger/sdk/proto"
)

func descriptionToProto(d *Description) *pb.DescribeResponse {
	m := &pb.DescribeResponse{
		Name:               d.Name,
		Version:            d.Version,
		Revision:           d.Revision,
		MediaType:          d.MediaType,
		Input:              pb.Input(d.Input),
		Staging:            pb.Staging(d.Staging),
		CannotKeep:         d.CannotKeep,
		Deterministic:      d.Deterministic,
		PrivilegeDependent: d.PrivilegeDependent,
		MinBytes:           clamp(d.MinBytes),
	}
	for _, o := range d.Options {
		m.Options = append(m.Options, &pb.Option{
			Name: o.Name, Type: pb.OptionType(o.Type), DefaultValue: o.Default, Doc: o.Doc, Choices: o.Choices,
			MaxBytes: uint32(min(clamp(int64(o.MaxBytes)), math.MaxUint32)), Pattern: o.Pattern,
		})
	}
	for _, t := range d.Tools {
		m.Tools = append(m.Tools, &pb.Tool{Name: t.Name, Path: t.Path, Version: t.Version, Hint: t.Hint})
	}
	return m
}

func descriptionFromProto(m *pb.DescribeResponse) Description {
	d := Description{
		Name:               m.GetName(),
		Version:            m.GetVersion(),
		Revision:           m.GetRevision(),
		MediaType:          m.GetMediaType(),
		Input:              Input(small(int32(m.GetInput()))),
		Staging:            Staging(small(int32(m.GetStaging()))),
		CannotKeep:         m.GetCannotKeep(),
		Deterministic:      m.GetDeterministic(),
		PrivilegeDependent: m.GetPrivilegeDependent(),
		MinBytes:           signed(m.GetMinBytes()),
	}
	for _, o := range m.GetOptions() {
		d.Options = append(d.Options, Option{
			Name: o.GetName(), Type: OptionType(small(int32(o.GetType()))), Default: o.GetDefaultValue(),
			Doc: o.GetDoc(), Choices: o.GetChoices(), MaxBytes: int(min(o.GetMaxBytes(), math.MaxInt32)), Pattern: o.GetPattern(),
		})
	}
	for _, t := range m.GetTools() {
		d.Tools = append(d.Tools, Tool{Name: t.GetName(), Path: t.GetPath(), Version: t.GetVersion(), Hint: t.GetHint()})
	}
	return d
}

// small narrows an enum's number; one that does not fit is no known value.
func small(n int32) uint8 {
	if n < 0 || n > math.MaxUint8 {
		return math.MaxUint8
	}
	return uint8(n)
}

func requestToProto(r *Request) (*pb.BuildRequest, error) {
	m := &pb.BuildRequest{
		Tree:          r.TreePath,
		TreeDigest:    r.TreeDigest,
		Packs:         r.PackPaths,
		Dir:           r.Dir,
		Tar:           r.TarPath,
		StagingLosses: r.StagingLossesPath,
		Options:       r.Options,
		Size: &pb.SizePlan{
			Bytes:       clamp(r.Size.Bytes),
			FreeBytes:   clamp(r.Size.FreeBytes),
			FreePercent: uint32(min(clamp(int64(r.Size.FreePercent)), math.MaxInt32)),
			Inodes:      clamp(r.Size.Inodes),
		},
		Output:  r.Output,
		Scratch: r.Scratch,
		Bodies:  r.BodiesPath,
	}
	for _, path := range append([]string{m.Tree, m.Dir, m.Tar, m.StagingLosses, m.Output, m.Scratch, m.Bodies}, m.Packs...) {
		if !utf8.ValidString(path) {
			return nil, fmt.Errorf("path %q is not UTF-8, which the builder protocol needs", path)
		}
	}
	return m, nil
}

func requestFromProto(m *pb.BuildRequest) *Request {
	return &Request{
		TreePath:          m.GetTree(),
		TreeDigest:        m.GetTreeDigest(),
		PackPaths:         m.GetPacks(),
		Dir:               m.GetDir(),
		TarPath:           m.GetTar(),
		StagingLossesPath: m.GetStagingLosses(),
		Options:           m.GetOptions(),
		Size: SizePlan{
			Bytes:       signed(m.GetSize().GetBytes()),
			FreeBytes:   signed(m.GetSize().GetFreeBytes()),
			FreePercent: int(min(m.GetSize().GetFreePercent(), math.MaxInt32)),
			Inodes:      signed(m.GetSize().GetInodes()),
		},
		Output:  m.GetOutput(),
		Scratch: m.GetScratch(),

		BodiesPath: m.GetBodies(),
	}
}

func progressToProto(p Progress) *pb.Progress {
	return &pb.Progress{Phase: valid(p.Phase), Done: clamp(p.Done), Total: clamp(p.Total), Unit: valid(p.Unit)}
}

func progressFromProto(m *pb.Progress) Progress {
	return Progress{Phase: m.GetPhase(), Done: signed(m.GetDone()), Total: signed(m.GetTotal()), Unit: m.GetUnit()}
}

func clamp(n int64) uint64 { return uint64(max(n, 0)) }

func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
