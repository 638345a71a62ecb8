package core

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/core/host"
	tt "banger/internal/tartest"
	"banger/sdk"
)

// TestExplain asks about builds that are there, and that differ in one thing
// each.
func TestExplain(t *testing.T) {
	store, want := realStore(t)
	e, err := openEngine(t, store)
	if err != nil {
		t.Fatal(err)
	}
	e.Host = host.New(host.Config{
		Keeper:   fakeKeeper,
		Bundled:  map[string]host.Bundled{"tree": {Path: "/proc/self/exe", Args: []string{"fake-builder", "tree"}}, "tar": {Path: "/proc/self/exe", Args: []string{"fake-builder", "tar"}}},
		ToolPath: "/usr/bin:/bin", TempDir: t.TempDir(), Cache: ReadOnlyDescribeCache(e.Store),
	})
	other := twoLayers(t)
	before := stamps(t, store)
	for _, test := range []struct {
		name string
		o    BuildOptions
		says []string // of a miss
	}{
		{"hit", BuildOptions{Image: want.im, Builder: "tree"}, nil},
		{"option", BuildOptions{Image: want.im, Builder: "tree", Options: map[string]string{"flavour": "odd"}}, []string{`option flavour: "plain" → "odd"`}},
		{"builder", BuildOptions{Image: want.im, Builder: "tar"}, []string{"builder: tree → tar"}},
		{"manifest", BuildOptions{Image: other, Builder: "tree"}, []string{"manifest: sha256:"}},
		{"paths", BuildOptions{Image: Image{Ref: want.im.Ref, Platform: want.im.Platform, ContainPaths: true}, Builder: "tree"}, []string{"unsafe paths: refuse → contain"}},
	} {
		x, err := e.Explain(t.Context(), test.o)
		if err != nil {
			t.Fatal(test.name, err)
		}
		if digest.FromBytes(x.Preimage) != x.Key || x.Hit != (test.says == nil) || (x.Nearest == nil) != x.Hit {
			t.Errorf("%s: %+v", test.name, x)
			continue
		}
		if x.Hit {
			continue
		}
		for i, line := range x.Nearest.InWords() {
			if i >= len(test.says) || !strings.HasPrefix(line, test.says[i]) {
				t.Errorf("%s: %q", test.name, x.Nearest.InWords())
			}
		}
	}
	if after := stamps(t, store); !slices.Equal(before, after) {
		t.Errorf("explaining left a trace:\n%q\n%q", before, after)
	}
	remove(t, filepath.Join(store, "artifacts/sha256/*/image"))
	x, err := e.Explain(t.Context(), BuildOptions{Image: want.im, Builder: "tree"})
	if err != nil || x.Hit || !strings.Contains(x.Why, "cannot be used") {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestExplainNearest: the build with the fewest inputs that differ, of those
// with as many one of the same image, and then the one used last.
func TestExplainNearest(t *testing.T) {
	e, _ := withFakes(t)
	im, other := twoLayers(t), layout(t, gz(tt.File("x", "x")))
	odd := map[string]string{"flavour": "odd"}
	built := map[string]digest.Digest{}
	for name, o := range map[string]BuildOptions{
		"plain": {Image: im, Builder: "tree"}, "odd": {Image: im, Builder: "tree", Options: odd}, "tar": {Image: im, Builder: "tar"},
		"other": {Image: other, Builder: "tree"},
	} {
		r, err := e.Build(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		built[name] = r.Action
	}
	use := func(name string, ago time.Duration) {
		at := time.Now().Add(-ago)
		if err := os.Chtimes(filepath.Join(e.Store.Dir(), "actions/sha256", built[name].Encoded()), at, at); err != nil {
			t.Fatal(err)
		}
	}
	contain := im
	contain.ContainPaths = true
	for _, test := range []struct {
		o       BuildOptions
		last    string // used
		nearest string
	}{
		{BuildOptions{Image: contain, Builder: "tree", Options: odd}, "plain", "odd"},
		{BuildOptions{Image: contain, Builder: "tree"}, "odd", "plain"},
		{BuildOptions{Image: other, Builder: "tree", Options: odd}, "odd", "other"}, // one input each
		{BuildOptions{Image: im, Builder: "tree", Size: sdk.SizePlan{Inodes: 7}, Options: map[string]string{"flavour": "third"}}, "odd", "odd"},
		{BuildOptions{Image: im, Builder: "tree", Size: sdk.SizePlan{Inodes: 7}, Options: map[string]string{"flavour": "third"}}, "plain", "plain"},
	} {
		for name := range built {
			use(name, time.Hour)
		}
		use(test.last, time.Minute)
		x, err := e.Explain(t.Context(), test.o)
		if err != nil || x.Nearest == nil || x.Nearest.Key != built[test.nearest] {
			t.Errorf("%+v: %+v, want %s, %v", test.o, x, test.nearest, err)
		}
	}
}

// stamps lists the files of a store with their times.
func stamps(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, file := range storeFiles(t, dir) {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file+" "+info.ModTime().String())
	}
	return all
}

func TestDifferencesInWords(t *testing.T) {
	base := `{"builder":"sha256:aa","flatten":{"contain_paths":false,"revision":1},"kind":"build","manifest":"sha256:m","options":{"label":"a"},"protocol":1,` +
		`"size":{"bytes":0,"free_bytes":0,"free_percent":20,"inodes":0},"staging":0,"tools":{"mke2fs":"1.47.0"}}`
	for change, want := range map[string]string{
		`"sha256:aa" "sha256:bb"`:                    "builder e2fs: binary changed",
		`"a" "b"`:                                    `option label: "a" → "b"`,
		`{"label":"a"} {"x":"y"}`:                    `option label: "a" → none` + "\n" + `option x: none → "y"`,
		`"1.47.0" "1.47.2"`:                          "builder e2fs: mke2fs 1.47.0 → 1.47.2",
		`"bytes":0 "bytes":536870912`:                "size: auto → 512M",
		`"bytes":0 "bytes":1000`:                     "size: auto → 1000",
		`20 30`:                                      "free room: 20% → 30%",
		`"inodes":0 "inodes":7`:                      "inodes: planned → 7",
		`"protocol":1 "protocol":2`:                  "builder protocol: 1 → 2",
		`"revision":1 "revision":2`:                  "revision of flattening: 1 → 2",
		`"staging":0 "staging":3`:                    "revision of staging: 0 → 3",
		`"sha256:m" "sha256:n"`:                      "manifest: sha256:m (old) → sha256:n (new)",
		`"staging":0 "runner":{"uid":1},"staging":0`: "who runs it, uid: none → 1",
		`"sha256:aa" "bundled:e2fs/3"`:               "builder e2fs: another program, sha256:aa → the bundled one",
	} {
		from, to, _ := strings.Cut(change, " ")
		d, err := differences(asked{[]byte(base), "old", "e2fs"}, asked{[]byte(strings.Replace(base, from, to, 1)), "new", "e2fs"})
		if err != nil || strings.Join(inWords(d), "\n") != want {
			t.Errorf("%s: %q, %v", change, inWords(d), err)
		}
	}
	both := strings.NewReplacer("sha256:aa", "sha256:bb", "1.47.0", "1.47.2").Replace(base)
	d, err := differences(asked{[]byte(base), "", "e2fs"}, asked{[]byte(both), "", "e2fs"})
	if got := inWords(d); err != nil || !slices.Equal(got, []string{"builder e2fs: binary changed; mke2fs 1.47.0 → 1.47.2"}) {
		t.Errorf("%q, %v", got, err)
	}
}
