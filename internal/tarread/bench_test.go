package tarread_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"banger/internal/tarread"
	"banger/internal/tartest"
)

// memory is an archive in memory.
type memory struct{ *bytes.Buffer }

func (m memory) Slice(most int) ([]byte, error) {
	b := m.Next(most)
	if len(b) == 0 {
		return nil, io.EOF
	}
	return b, nil
}

// BenchmarkNext reads the headers of small files.
func BenchmarkNext(b *testing.B) {
	var files [][]byte
	for i := range 1000 {
		files = append(files, tartest.File(fmt.Sprintf("usr/share/doc/package-%d/copyright", i), "text"))
	}
	archive := tartest.Join(files...)
	b.ReportAllocs()
	for b.Loop() {
		r := tarread.NewReader(memory{bytes.NewBuffer(archive)}, 1<<20)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}
