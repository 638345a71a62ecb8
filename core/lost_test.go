package core

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	tt "banger/internal/tartest"
	"banger/sdk"
)

// loser deletes files of a store, as seed and percentage say.
type loser struct {
	dir     string
	percent int

	mu     sync.Mutex
	rand   *rand.Rand
	budget int // of losses during one build: each try survives one
	lost   []string
}

// Log implements Events.
func (l *loser) Log(sdk.LogLevel, string) { l.strike() }

// Progress implements Events.
func (l *loser) Progress(Progress) { l.strike() }

// strike loses a file now and then, in the middle of whatever goes on.
func (l *loser) strike() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if files := l.files(); l.budget > 0 && len(files) > 0 && l.rand.IntN(100) < l.percent {
		l.budget--
		l.lose(files[l.rand.IntN(len(files))])
	}
}

// between loses files of a store at rest, and allows for losses during a build.
func (l *loser) between() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range l.files() {
		if l.rand.IntN(100) < l.percent {
			l.lose(path)
		}
	}
	l.budget = maxTries - 1
}

// rest loses nothing more until the next between.
func (l *loser) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget = 0
}

func (l *loser) lose(path string) {
	_ = os.Remove(path)
	l.lost = append(l.lost, strings.TrimPrefix(path, l.dir))
}

func (l *loser) files() []string {
	var files []string
	for _, glob := range []string{"index.json", "*/sha256/*", "*/sha256/*/*"} {
		found, _ := filepath.Glob(filepath.Join(l.dir, glob))
		for _, path := range found {
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
				files = append(files, path)
			}
		}
	}
	return files
}

// TestEveryBuildSurvivesLosses loses files between builds and during them. Each
// build succeeds, with the bytes of the first.
func TestEveryBuildSurvivesLosses(t *testing.T) {
	for _, percent := range []int{10, 50, 100} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%d%%/seed %d", percent, seed), func(t *testing.T) {
				t.Parallel()
				e, err := openEngine(t, quickDir(t))
				if err != nil {
					t.Fatal(err)
				}
				im := twoLayers(t)
				images := make(map[string][]byte)
				var tar []byte
				l := &loser{dir: e.Store.Dir(), percent: percent, rand: rand.New(rand.NewPCG(seed, uint64(percent)))}
				for round := range 3 {
					for _, name := range []string{"tree", "tar"} {
						out := filepath.Join(t.TempDir(), "out")
						if _, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: name, Output: out}); err != nil {
							t.Fatalf("round %d, %s: %v\nlost %q", round, name, err, l.lost)
						}
						b, err := os.ReadFile(out)
						if round == 0 {
							images[name] = b
						}
						if err != nil || !bytes.Equal(b, images[name]) {
							t.Fatalf("round %d, %s: another image; %v\nlost %q", round, name, err, l.lost)
						}
						l.between()
					}
					var b bytes.Buffer
					if err := e.Export(t.Context(), im, &b); err != nil || round > 0 && !bytes.Equal(b.Bytes(), tar) {
						t.Fatalf("round %d, export: %v\nlost %q", round, err, l.lost)
					}
					tar = b.Bytes()
					l.between()
					l.rest() // a pull has no say in what is lost after it
					if err := pullAll(t.Context(), e, im); err != nil {
						t.Fatalf("round %d, pull: %v\nlost %q", round, err, l.lost)
					}
					e.Events = l // the first round has told what is right
				}
			})
		}
	}
}

// rebuildHits builds every build of the store once more and compares. It
// returns a line for each that differs, with the first byte that does.
func rebuildHits(t *testing.T, e *Engine, builds ...BuildOptions) []string {
	t.Helper()
	var differences []string
	for _, o := range builds {
		o.Output, o.NoCache = filepath.Join(t.TempDir(), "out"), false
		hit, err := e.Build(t.Context(), o)
		if err != nil || !hit.Cached {
			t.Fatalf("no hit: %+v, %v", hit, err)
		}
		before := hit.Artifact
		o.NoCache = true
		again := filepath.Join(t.TempDir(), "out")
		was := o.Output
		o.Output = again
		r, err := e.Build(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		at := firstDifference(t, was, again)
		if (at < 0) != (r.Artifact == before) {
			t.Errorf("%s: artifacts %s and %s, and the first difference at %d", o.Builder, before, r.Artifact, at)
		}
		if at >= 0 {
			differences = append(differences, fmt.Sprintf("%s: byte %d", o.Builder, at))
		}
	}
	return differences
}

// firstDifference returns the offset of the first byte that two files do not
// share, -1 if they are equal.
func firstDifference(t *testing.T, a, b string) int64 {
	t.Helper()
	var files [2]*os.File
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	var bufs [2][4096]byte
	for at := int64(0); ; {
		var n [2]int
		for i, f := range files {
			n[i], _ = io.ReadFull(f, bufs[i][:])
		}
		for i := range min(n[0], n[1]) {
			if bufs[0][i] != bufs[1][i] {
				return at + int64(i)
			}
		}
		switch at += int64(min(n[0], n[1])); {
		case n[0] != n[1]:
			return at
		case n[0] == 0:
			return -1
		}
	}
}

func TestRebuildingHitsGivesTheSame(t *testing.T) {
	e, _ := withFakes(t)
	var all []BuildOptions
	for _, im := range []Image{twoLayers(t), layout(t, gz(tt.Dir("a/"), tt.File("a/b", "other")))} {
		for _, name := range []string{"tree", "tar", "dir"} {
			o := BuildOptions{Image: im, Builder: name}
			if _, err := e.Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
	}
	if diffs := rebuildHits(t, e, all...); len(diffs) > 0 {
		t.Errorf("%q", diffs)
	}
	dice := BuildOptions{Image: all[0].Image, Builder: "dice"}
	if _, err := e.Build(t.Context(), dice); err != nil {
		t.Fatal(err)
	}
	if diffs := rebuildHits(t, e, dice); len(diffs) != 1 || !strings.HasPrefix(diffs[0], "dice: byte 50") {
		t.Errorf("a builder of chance gives %q", diffs)
	}
}
