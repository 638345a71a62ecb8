package unpack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os/exec"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// programMin is the size in bytes from which on a blob is worth a process.
	programMin = 4 << 20
	// gzipTrailer is CRC32 and ISIZE at the end of a member: RFC 1952 section 2.3.1.
	gzipTrailer = 8
)

// errProgram says that a program did not do what it was started for, or did
// it in a way that cannot be relied upon.
var errProgram = errors.New("the program that decompresses is no help")

// program decompresses gzip by a process that reads standard input and writes
// standard output. Other than the library, such programs may pass over what
// follows the last member; so a blob must be one member to its last byte, as
// its trailer shows, for an errProgram not to come instead of the end.
type program struct {
	cmd    *exec.Cmd
	out    io.ReadCloser
	sum    hash.Hash32 // of what came out
	size   uint32      // the same, modulo 2^32
	in     feeder
	fed    chan struct{}
	fedErr error // of reading what goes in, once fed is closed
}

// startProgram begins to decompress in, which belongs to the program until it
// is closed. It ends with ctx.
func startProgram(ctx context.Context, command []string, in io.WriterTo) (*program, error) {
	p := &program{cmd: exec.CommandContext(ctx, command[0], command[1:]...), sum: crc32.NewIEEE(), fed: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir, p.cmd.WaitDelay = []string{}, "/", time.Second
	stdin, itsStdin, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = itsStdin.Close() }()
	stdout, itsStdout, err := socketPair()
	if err != nil {
		_ = stdin.Close()
		return nil, err
	}
	defer func() { _ = itsStdout.Close() }()
	p.cmd.Stdin, p.cmd.Stdout = itsStdin, itsStdout
	if err := p.cmd.Start(); err != nil {
		_, _ = stdin.Close(), stdout.Close()
		return nil, err
	}
	p.in.stdin, p.out = stdin, stdout
	go func() {
		defer close(p.fed)
		_, p.fedErr = in.WriteTo(&p.in)
		_ = stdin.Close()
	}()
	return p, nil
}

// feeder hands what is written to it to the program, as long as that takes it,
// and keeps the last bytes. Its Write never fails.
type feeder struct {
	stdin   io.Writer
	refused bool
	tail    []byte // gzipTrailer bytes, fewer if there were not so many
}

func (f *feeder) Write(b []byte) (int, error) {
	f.tail = append(f.tail, b[max(0, len(b)-gzipTrailer):]...)
	f.tail = append(f.tail[:0], f.tail[max(0, len(f.tail)-gzipTrailer):]...)
	if !f.refused {
		_, err := f.stdin.Write(b)
		f.refused = err != nil
	}
	return len(b), nil
}

// Read returns plain bytes, and io.EOF only when all is well.
func (p *program) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	_, _ = p.sum.Write(b[:n]) // a hash never fails
	p.size += uint32(n)
	if err == nil || n > 0 {
		return n, nil
	}
	<-p.fed
	if p.fedErr != nil {
		return 0, p.fedErr
	}
	if waitErr := p.cmd.Wait(); waitErr != nil {
		return 0, fmt.Errorf("%w: %w", errProgram, waitErr)
	}
	if err != io.EOF {
		return 0, fmt.Errorf("%w: %w", errProgram, err)
	}
	trailer := binary.LittleEndian.AppendUint32(nil, p.sum.Sum32())
	if trailer = binary.LittleEndian.AppendUint32(trailer, p.size); !bytes.Equal(p.in.tail, trailer) {
		return 0, fmt.Errorf("%w: the blob is not one gzip member to its end", errProgram)
	}
	return 0, io.EOF
}

// Close ends the program and waits until it lets go of its input.
func (p *program) Close() error {
	_ = p.cmd.Process.Kill()
	_ = p.out.Close()
	<-p.fed
	_ = p.cmd.Wait() // it was killed, or has been waited for
	return nil
}

// plainHeader reports whether b begins with a whole gzip header that the
// library takes.
func plainHeader(b []byte) bool {
	_, err := gzip.NewReader(bytes.NewReader(b))
	return err == nil
}
