package cas

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/opencontainers/go-digest"
)

func TestHolder(t *testing.T) {
	s := openTest(t, t.TempDir())
	if h, known := s.Holder("layer", lockDigest); known {
		t.Errorf("nobody holds it, and %v does", h)
	}
	kill := startHelper(t, "hold lock", s.dir, "")
	h, known := s.Holder("layer", lockDigest)
	if !known || h.PID == os.Getpid() || h.String() != fmt.Sprintf("process %d", h.PID) || time.Since(h.Since) > time.Hour {
		t.Errorf("got %+v, %v", h, known)
	}
	kill()
	if h, known := s.Holder("layer", lockDigest); known {
		t.Errorf("%v is dead", h)
	}
	unlock, err := s.Lock(t.Context(), "layer", lockDigest)
	must(t, err)
	if h, known := s.Holder("layer", lockDigest); !known || h.PID != os.Getpid() {
		t.Errorf("after the dead one: %v, %v", h, known)
	}
	unlock()
	if h, known := s.Holder("layer", lockDigest); known {
		t.Errorf("%v has released it", h)
	}
	if _, known := s.Holder("layer", digest.Digest("sha256:../../VERSION")); known {
		t.Error("a path for a digest")
	}
}

func FuzzHolder(f *testing.F) {
	host, err := os.Hostname()
	if err != nil {
		f.Fatal(err)
	}
	mine, err := json.Marshal(Holder{os.Getpid(), host, time.Now()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(mine)
	f.Add([]byte(`{"pid":-1,"host":"x"}`))
	f.Add([]byte(`{"pid":1,"host":"a\u001b[31mb\u202e"}`))
	f.Add([]byte("4711"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, known := parseHolder(b)
		if !known {
			return
		}
		bad := func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }
		if h.PID <= 0 || strings.ContainsFunc(h.String(), bad) || len(h.Host) > maxHost {
			t.Errorf("%+v", h)
		}
	})
}
