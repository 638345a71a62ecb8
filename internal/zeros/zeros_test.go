package zeros

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := make([]byte, rapid.IntRange(0, 3*len(block)).Draw(t, "length"))
		if !Only(p) {
			t.Fatal("zeros are not")
		}
		if len(p) == 0 {
			return
		}
		p[rapid.IntRange(0, len(p)-1).Draw(t, "at")] = rapid.ByteRange(1, 255).Draw(t, "byte")
		if Only(p) {
			t.Fatal("a byte was not seen")
		}
	})
}

// The other ways stand beside it for whoever doubts the choice.
func BenchmarkOnly(b *testing.B) {
	for name, only := range map[string]func([]byte) bool{
		"block":   Only,
		"shifted": func(p []byte) bool { return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1]) },
		"loop": func(p []byte) bool {
			for _, c := range p {
				if c != 0 {
					return false
				}
			}
			return true
		},
	} {
		for _, size := range []int{512, 4 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p := make([]byte, size)
				b.SetBytes(int64(size))
				for b.Loop() {
					if !only(p) {
						b.Fatal("zeros are not")
					}
				}
			})
		}
	}
}
