package core

import (
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/host"
	"banger/core/stage"
	"banger/sdk"
)

// asking is all that an action's key is made of.
type asking struct {
	builder  host.Builder
	manifest digest.Digest
	o        BuildOptions
	runner   stage.Capabilities
}

func (a *asking) key(t *testing.T) digest.Digest {
	t.Helper()
	q, err := (&Engine{}).ask(&a.builder, a.manifest, a.o, func() (*stage.Capabilities, error) { return &a.runner, nil })
	if err != nil {
		t.Fatal(err)
	}
	return q.key
}

func newAsking() *asking {
	return &asking{
		builder: host.Builder{Identity: "bundled:x/1", Description: sdk.Description{
			Input: sdk.InputDir, PrivilegeDependent: true, Tools: []sdk.Tool{{Name: "mke2fs", Version: "1.47.0", Path: "/sbin/mke2fs"}},
		}},
		manifest: digest.FromString("manifest"),
		o:        BuildOptions{Options: sdk.Options{"label": "a", "uuid": ""}},
	}
}

// TestKeyHasAllInputs: whatever changes the bytes of an image changes the key,
// and nothing else does.
func TestKeyHasAllInputs(t *testing.T) {
	seen := map[digest.Digest]string{newAsking().key(t): "nothing"}
	for name, change := range map[string]func(a *asking){
		"manifest":       func(a *asking) { a.manifest = digest.FromString("another") },
		"builder":        func(a *asking) { a.builder.Identity = "bundled:x/2" },
		"tool's version": func(a *asking) { a.builder.Description.Tools[0].Version = "1.47.2" },
		"another tool":   func(a *asking) { a.builder.Description.Tools[0].Name = "debugfs" },
		"option":         func(a *asking) { a.o.Options["label"] = "b" },
		"another option": func(a *asking) { a.o.Options = sdk.Options{"label": "", "uuid": "a"} },
		"size":           func(a *asking) { a.o.Size.Bytes = 1 << 30 },
		"free bytes":     func(a *asking) { a.o.Size.FreeBytes = 1 << 30 },
		"free percent":   func(a *asking) { a.o.Size.FreePercent = 30 },
		"inodes":         func(a *asking) { a.o.Size.Inodes = 1 << 30 },
		"unsafe paths":   func(a *asking) { a.o.Image.ContainPaths = true },
		"user":           func(a *asking) { a.runner.UID = 7 },
		"owners kept":    func(a *asking) { a.runner.Chown = true },
		"staging":        func(a *asking) { a.builder.Description.Input = sdk.InputTar },
		"runner ignored": func(a *asking) { a.builder.Description.PrivilegeDependent = false },
	} {
		a := newAsking()
		change(a)
		if other, again := seen[a.key(t)]; again {
			t.Errorf("%s: the key of %s", name, other)
		}
		seen[a.key(t)] = name
	}
	for name, change := range map[string]func(a *asking){
		"the tool's place":    func(a *asking) { a.builder.Description.Tools[0].Path = "/usr/sbin/mke2fs" },
		"the builder's place": func(a *asking) { a.builder.Path = "/elsewhere" },
		"the image's name":    func(a *asking) { a.o.Image.Ref = "oci:x" },
		"the output":          func(a *asking) { a.o.Output = "x" },
		"strictness":          func(a *asking) { a.o.Strict, a.o.Fsync, a.o.NoCache = true, true, true },
		"text for people":     func(a *asking) { a.builder.Description.Version, a.builder.Description.CannotKeep = "2", []string{"x"} },
	} {
		a := newAsking()
		change(a)
		if seen[a.key(t)] != "nothing" {
			t.Errorf("%s changes the key", name)
		}
	}
}

// TestKeyWithoutRunner: who runs it is not even asked where that does not
// matter.
func TestKeyWithoutRunner(t *testing.T) {
	a := newAsking()
	asked := errors.New("asked")
	runner := func() (*stage.Capabilities, error) { return nil, asked }
	if _, err := (&Engine{}).ask(&a.builder, a.manifest, a.o, runner); !errors.Is(err, asked) {
		t.Errorf("where it matters: %v", err)
	}
	a.builder.Description.PrivilegeDependent = false
	if _, err := (&Engine{}).ask(&a.builder, a.manifest, a.o, runner); err != nil {
		t.Errorf("where it does not: %v", err)
	}
}
