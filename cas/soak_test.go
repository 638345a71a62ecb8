package cas

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// The soak: many processes build, hit, wait and die over the same actions
// while others collect garbage without pause. It takes as long as soakEnv
// says ("make soak"), and without it a few rounds of fewer processes.
const (
	soakEnv    = "BANGER_SOAK"
	soakRounds = 20 // of one helper
)

// soakSize is how many processes work at once, over how many actions.
func soakSize() (workers, actions int) {
	if os.Getenv(soakEnv) != "" {
		return 50, 200
	}
	return 8, 36
}

// soakStats are what a helper has done.
type soakStats struct {
	Hits, Built, Removed, Collections int
	Longest                           time.Duration // of a look-up
}

func (a *soakStats) add(b soakStats) {
	a.Hits += b.Hits
	a.Built += b.Built
	a.Removed += b.Removed
	a.Collections += b.Collections
	a.Longest = max(a.Longest, b.Longest)
}

func TestSoak(t *testing.T) {
	workers, _ := soakSize()
	end := time.Now()
	if s := os.Getenv(soakEnv); s != "" {
		d, err := time.ParseDuration(s)
		must(t, err)
		end = end.Add(d)
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "log"), 0o755))
	must(t, openTest(t, filepath.Join(dir, "store")).Close())
	var total soakStats
	var mu sync.Mutex
	var kills int
	run := func(name string) {
		stats, killed := soakHelper(t, name, dir)
		mu.Lock()
		defer mu.Unlock()
		total.add(stats)
		if killed {
			kills++
		}
	}
	var work, collect sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		collect.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					run("soak gc")
				}
			}
		})
	}
	for range workers {
		work.Go(func() {
			for first := true; first || time.Now().Before(end); first = false {
				run("soak work")
			}
		})
	}
	work.Wait()
	close(done)
	collect.Wait()
	checkSoak(t, dir)
	t.Logf("%d hits, %d built, %d workers killed, %d collections that removed %d things, longest look-up %s",
		total.Hits, total.Built, kills, total.Collections, total.Removed, total.Longest.Round(time.Microsecond))
}

// soakHelper runs one helper, which may kill itself and else must succeed.
func soakHelper(t *testing.T, name, dir string) (stats soakStats, killed bool) {
	cmd := helper(t, name, filepath.Join(dir, "store"), filepath.Join(dir, "log"))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return stats, true
		}
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, said.Bytes())
		return stats, false
	}
	if err := json.Unmarshal(out.Bytes(), &stats); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return stats, false
}

// checkSoak: nothing was ever damaged, no action was built more often than it
// was missing, and the store is in order.
func checkSoak(t *testing.T, dir string) {
	s := openTest(t, filepath.Join(dir, "store"))
	if bad, err := os.ReadDir(s.path("quarantine")); err != nil || len(bad) > 0 {
		t.Errorf("quarantine: %v, %v", bad, err)
	}
	built, excused := soakLog(t, dir, "built"), soakLog(t, dir, "removed")
	for key, n := range soakLog(t, dir, "killed") {
		excused[key] += n
	}
	for key, n := range built {
		if n > 1+excused[key] {
			t.Errorf("action %s was built %d times and went %d times", key, n, excused[key])
		}
	}
	entries, err := os.ReadDir(s.path(kindAction.dir()))
	must(t, err)
	for _, e := range entries {
		if _, err := s.Action(digest.NewDigestFromEncoded(digest.SHA256, e.Name())); err != nil {
			t.Error(err)
		}
	}
}

// soakLog counts the lines of a log.
func soakLog(t *testing.T, dir, name string) map[string]int {
	counts := make(map[string]int)
	f, err := os.Open(filepath.Join(dir, "log", name))
	if absent(err) {
		return counts
	}
	must(t, err)
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		counts[lines.Text()]++
	}
	must(t, lines.Err())
	return counts
}

// note appends a line to a log, at once.
func note(name, line string) error {
	f, err := os.OpenFile(filepath.Join(os.Getenv(argEnv), name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

func soakGC(dir string) error {
	var stats soakStats
	for range soakRounds {
		s, err := open(context.Background(), dir, quickDisk())
		if err != nil {
			return err
		}
		var failed error
		o := GCOptions{OnRemove: func(r Removal) {
			if r.Kind == KindAction {
				failed = errors.Join(failed, note("removed", r.Name))
			}
		}}
		switch rand.IntN(4) {
		case 0:
			o.All = true
		case 1:
			o.MaxSize = 100 << 10
		case 2:
			o.OlderThan = time.Millisecond
		case 3:
			o.Grace = time.Hour
		}
		res, err := s.GC(context.Background(), o)
		if err := errors.Join(err, failed, s.Close()); err != nil {
			return err
		}
		if res.Failed > 0 {
			return fmt.Errorf("%d removals failed", res.Failed)
		}
		stats.Collections++
		stats.Removed += res.Total().Count
	}
	return json.NewEncoder(os.Stdout).Encode(stats)
}

func soakWork(dir string) error {
	w := &soakWorker{}
	_, actions := soakSize()
	for range soakRounds {
		s, err := open(context.Background(), dir, quickDisk())
		if err != nil {
			return err
		}
		w.s = s
		if err := errors.Join(w.round(rand.IntN(actions)), s.Close()); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(w.stats)
}

// soakWorker is a build in little, again and again.
type soakWorker struct {
	s     *Store
	used  digest.Digest // the layer that it looked up or made in this round
	stats soakStats
}

// round asks for one action and holds the store to what it answers.
func (w *soakWorker) round(n int) error {
	key, preimage, err := ActionKey(n)
	if err != nil {
		return err
	}
	w.used = ""
	a, err := w.find(key)
	if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt) {
		a, err = w.make(n, key, preimage)
	}
	if err != nil {
		return err
	}
	for range 3 { // as long as the session lives it stays
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
		if err := w.check(n, a); err != nil {
			return fmt.Errorf("action %d: %w", n, err)
		}
	}
	return nil
}

func (w *soakWorker) find(key digest.Digest) (Action, error) {
	start := time.Now()
	a, err := w.s.Action(key)
	w.stats.Longest = max(w.stats.Longest, time.Since(start))
	if err == nil {
		w.stats.Hits++
	}
	return a, err
}

func (w *soakWorker) make(n int, key digest.Digest, preimage []byte) (Action, error) {
	unlock, err := w.s.Lock(context.Background(), "action", key)
	if err != nil {
		return Action{}, err
	}
	defer unlock()
	a, err := w.find(key)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	if err := note("built", key.String()); err != nil {
		return Action{}, err
	}
	w.stats.Built++
	a = Action{Key: key, Preimage: preimage}
	for _, step := range []func(int, *Action) error{w.layer, w.blobs, w.artifact} {
		if err := w.mayDie(key); err != nil {
			return a, err
		}
		if err := step(n, &a); err != nil {
			return a, err
		}
	}
	if err := w.mayDie(key); err != nil {
		return a, err
	}
	return a, w.s.PutAction(context.Background(), a)
}

// mayDie kills the process now and then.
func (w *soakWorker) mayDie(key digest.Digest) error {
	if rand.IntN(100) > 0 {
		return nil
	}
	if err := note("killed", key.String()); err != nil {
		return err
	}
	die()
	return nil
}

// soakLayer is the layer that an action needs; several need the same.
func soakLayer(n int) (digest.Digest, string) {
	text := strings.Repeat(strconv.Itoa(n%6), 9000)
	return digest.FromString(text), text
}

func (w *soakWorker) layer(n int, _ *Action) error {
	d, text := soakLayer(n)
	w.used = d
	unlock, err := w.s.Lock(context.Background(), "layer", d)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := w.s.Layer(d); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return err
	}
	l, err := w.s.NewLayer()
	if err != nil {
		return err
	}
	defer l.Abort()
	if _, err := io.WriteString(l.Pack(), text); err != nil {
		return err
	}
	return l.Commit(context.Background(), d)
}

func (w *soakWorker) blobs(n int, a *Action) error {
	for _, text := range []string{fmt.Sprint("shared", n%4), fmt.Sprint("own", n)} {
		d, err := w.s.PutBlob(context.Background(), []byte(text))
		if err != nil {
			return err
		}
		a.Blobs = append(a.Blobs, d)
	}
	return nil
}

func (w *soakWorker) artifact(n int, a *Action) error {
	out, err := w.s.NewArtifact()
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := os.WriteFile(out.Path(), fmt.Append(nil, "image", n/2), 0o600); err != nil {
		return err
	}
	made, err := out.Commit(context.Background(), "application/x-test")
	a.Artifact = made.Digest
	return err
}

// check reads all that the action needs, by paths as builders do.
func (w *soakWorker) check(n int, a Action) error {
	for _, d := range a.Blobs {
		if _, err := w.s.ReadBlob(d, 100); err != nil {
			return err
		}
	}
	if w.used != "" {
		if _, err := w.s.Layer(w.used); err != nil {
			return err
		}
	}
	found, err := w.s.Artifact(a.Artifact)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(found.Path)
	if want := fmt.Sprint("image", n/2); err == nil && string(b) != want {
		err = fmt.Errorf("the image is %q, want %q", b, want)
	}
	return err
}
