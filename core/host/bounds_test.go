package host

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"banger/sdk"
)

// counter counts what a builder says and keeps none of it.
type counter struct {
	mu     sync.Mutex
	logged int
	phases map[string]bool
	heap   uint64 // the largest seen, in bytes
	onLog  func(text string)
}

func (c *counter) Log(_ sdk.LogLevel, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logged++; c.logged%(1<<20) == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.heap = max(c.heap, m.HeapInuse)
	}
	if c.onLog != nil {
		c.onLog(text)
	}
}

func (c *counter) Progress(p sdk.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phases == nil {
		c.phases = make(map[string]bool)
	}
	c.phases[p.Phase] = true
}

func (*counter) Lose([]sdk.Loss) {}

func (*counter) Placed(int64) {}

// Ten million lines and a hundred thousand phases take no room.
func TestFloodIsBounded(t *testing.T) {
	h := install(t, "floods")
	req, _ := request(t)
	c := &counter{}
	req.Events = c
	if err := h.Build(t.Context(), known(t, h, "floods"), req); err != nil {
		t.Fatal(err)
	}
	if c.logged != 10_000_000 {
		t.Errorf("%d lines", c.logged)
	}
	if len(c.phases) != maxPhases {
		t.Errorf("%d phases, want %d", len(c.phases), maxPhases)
	}
	if c.heap > 256<<20 {
		t.Errorf("%d bytes of heap", c.heap)
	}
}

func TestLossesAreBounded(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "loses-all"))
	h.limits.losses = 16 << 20
	req, _ := request(t)
	req.Events = &counter{}
	checkFailure(t, h.Build(t.Context(), known(t, h, "loses-all"), req), "losses of more than 16777216 bytes")
}

// An image that some process can still write to is none.
func TestOutputStillOpen(t *testing.T) {
	t.Parallel()
	h := install(t, "waits-for-file")
	req, _ := request(t)
	var held *os.File
	req.Events = &counter{onLog: func(text string) {
		if text != "written" {
			return
		}
		var err error
		if held, err = os.OpenFile(req.Output, os.O_WRONLY, 0); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(req.Output+".go", nil, 0o600); err != nil {
			t.Error(err)
		}
	}}
	err := h.Build(t.Context(), known(t, h, "waits-for-file"), req)
	checkFailure(t, err, "still open for writing")
	if held != nil {
		_ = held.Close()
	}
}

// While a build runs there is no socket that a cleaner of temporary files
// could remove, or anyone connect to.
func TestNoSocketDuringABuild(t *testing.T) {
	t.Parallel()
	h := install(t, "waits-for-file")
	req, _ := request(t)
	req.Events = &counter{onLog: func(text string) {
		if left, err := os.ReadDir(h.cfg.TempDir); text == "written" && (err != nil || len(left) > 0) {
			t.Errorf("in the temporary directory: %v, %v", left, err)
		}
		if err := os.WriteFile(req.Output+".go", nil, 0o600); err != nil {
			t.Error(err)
		}
	}}
	if err := h.Build(t.Context(), known(t, h, "waits-for-file"), req); err != nil {
		t.Error(err)
	}
}

// Builds side by side share nothing: the crash of one does not touch the rest.
func TestBuildsSideBySide(t *testing.T) {
	t.Parallel()
	h := install(t, "talks", "is-killed")
	var wg sync.WaitGroup
	for i := range 8 {
		name := "talks"
		if i == 3 {
			name = "is-killed"
		}
		b := known(t, h, name)
		req, _ := request(t)
		wg.Go(func() {
			err := h.Build(t.Context(), b, req)
			if crashed := errors.Is(err, ErrBuilder) && strings.Contains(err.Error(), "signal: killed"); crashed != (name == "is-killed") {
				t.Errorf("%s: error is %v", name, err)
			}
		})
	}
	wg.Wait()
}
