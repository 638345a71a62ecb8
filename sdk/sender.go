package sdk

import (
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "banger/sdk/proto"
)

const (
	// maxLogLine bounds a log line in bytes; the host cuts longer ones too.
	maxLogLine = 8 << 10
	// batchSize is how many encoded bytes of losses are sent at once. With one
	// loss of the largest size on top a message stays under 1 MiB.
	batchSize = 256 << 10
	// progressEvery spaces out the progress events of a phase.
	progressEvery = 100 * time.Millisecond
)

// sender is the Events of a build that is asked for over gRPC. Events that
// come after close, from goroutines that a builder left behind, are dropped.
type sender struct {
	mu     sync.Mutex
	stream grpc.ServerStreamingServer[pb.BuildEvent]
	closed bool

	losses  []*pb.Loss
	pending int // encoded bytes of losses

	phase    string
	progress time.Time // when phase was last sent
}

// Log implements Events: an event for each line of text.
func (s *sender) Log(level LogLevel, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = valid(line[:min(len(line), maxLogLine)])
		s.send(&pb.BuildEvent{Event: &pb.BuildEvent_Log{Log: &pb.Log{Level: pb.LogLevel(level), Text: line}}})
	}
}

// Progress implements Events. Of many events in a row it sends some.
func (s *sender) Progress(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if p.Phase == s.phase && p.Done != p.Total && now.Sub(s.progress) < progressEvery {
		return
	}
	s.phase, s.progress = p.Phase, now
	s.send(&pb.BuildEvent{Event: &pb.BuildEvent_Progress{Progress: progressToProto(p)}})
}

// Lose implements Events.
func (s *sender) Lose(losses []Loss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range losses {
		m := lossToProto(&losses[i])
		s.losses = append(s.losses, m)
		s.pending += proto.Size(m) + 8
		if s.pending >= batchSize {
			s.flush()
		}
	}
}

// Placed implements Events.
func (s *sender) Placed(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send(&pb.BuildEvent{Event: &pb.BuildEvent_Placed{Placed: &pb.Placed{Size: clamp(size)}}})
}

func (s *sender) flush() {
	if len(s.losses) > 0 {
		s.send(&pb.BuildEvent{Event: &pb.BuildEvent_Losses{Losses: &pb.Losses{Losses: s.losses}}})
	}
	s.losses, s.pending = nil, 0
}

// send drops the event when the connection is gone, and the build with it.
func (s *sender) send(e *pb.BuildEvent) {
	if !s.closed {
		_ = s.stream.Send(e)
	}
}

// close sends the losses that wait and drops what comes later.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	s.closed = true
}

// valid makes s fit a protobuf string.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
