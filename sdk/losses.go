package sdk

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"

	pb "banger/sdk/proto"
)

// maxLossField bounds each text of a loss in bytes; longer ones are cut. It
// is more than any path or xattr that Linux takes.
const maxLossField = 64 << 10

// maxLoss bounds one encoded loss: five texts and their framing.
const maxLoss = 6 * maxLossField

// WriteLosses writes losses as length-delimited Loss messages of
// builder.proto, the format of [Request.StagingLossesPath].
func WriteLosses(w io.Writer, losses []Loss) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	for i := range losses {
		if _, err := protodelim.MarshalTo(bw, lossToProto(&losses[i])); err != nil {
			return fmt.Errorf("write losses: %w", err)
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write losses: %w", err)
	}
	return nil
}

// ReadLosses reads all that WriteLosses wrote, up to the end of r.
func ReadLosses(r io.Reader) ([]Loss, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	opts := protodelim.UnmarshalOptions{MaxSize: maxLoss}
	var losses []Loss
	for {
		var m pb.Loss
		err := opts.UnmarshalFrom(br, &m)
		if errors.Is(err, io.EOF) {
			return losses, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read losses: record %d: %w", len(losses), err)
		}
		losses = append(losses, lossFromProto(&m))
	}
}

func lossToProto(l *Loss) *pb.Loss {
	return &pb.Loss{
		Path:   []byte(cut(l.Path)),
		Field:  []byte(cut(l.Field)),
		Wanted: []byte(cut(l.Wanted)),
		Got:    []byte(cut(l.Got)),
		Why:    valid(cut(l.Why)),
	}
}

func lossFromProto(m *pb.Loss) Loss {
	return Loss{
		Path:   string(m.GetPath()),
		Field:  string(m.GetField()),
		Wanted: string(m.GetWanted()),
		Got:    string(m.GetGot()),
		Why:    m.GetWhy(),
	}
}

func cut(s string) string { return s[:min(len(s), maxLossField)] }
