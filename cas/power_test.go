package cas

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/need"
)

// powerSteps are what is done before the cut. The copy is a user's file that
// was to be durable.
var powerSteps = append(slices.Clip(steps), step{"copy out", copyOutStep, wasCopiedOut})

// errPowerCut is what every call returns after the cut.
var errPowerCut = errors.New("the power is cut")

// cutStore does steps to a new store on a disk whose power is cut after so
// many calls, and returns the disk and the steps that were done before it.
// spoil makes the disk one that keeps less than it promises.
func cutStore(root string, calls int, todo []step, spoil func(*powerDisk)) (p *powerDisk, done []step, err error) {
	p = newPowerDisk(root, calls)
	if spoil != nil {
		spoil(p)
	}
	s, err := open(context.Background(), filepath.Join(root, storeBelow), p.disk())
	if err != nil {
		return p, nil, ignoreCut(err)
	}
	defer func() { _ = s.Close() }()
	for _, st := range todo {
		// What is done anew may be gone for a moment.
		done = slices.DeleteFunc(done, func(d step) bool { return d.name == st.name })
		if err := st.do(context.Background(), s); err != nil {
			return p, done, ignoreCut(err)
		}
		done = append(done, st)
	}
	return p, done, nil
}

func ignoreCut(err error) error {
	if errors.Is(err, errPowerCut) {
		return nil
	}
	return err
}

// afterCut makes one of the states in which the disk may come back, opens the
// store in it and holds it to what docs/store.md promises.
func afterCut(p *powerDisk, dir string, done []step, pick func(n int) int) error {
	if err := p.comeBack(dir, pick); err != nil {
		return err
	}
	s, err := open(context.Background(), filepath.Join(dir, storeBelow), quickDisk())
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	errs := checkAbsentOrWhole(s)
	if err := wasCopiedOut(s); err != nil && !absent(err) {
		errs = errors.Join(errs, fmt.Errorf("the copy: %w", err))
	}
	for _, st := range done {
		if err := st.there(s); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s was committed, and is lost: %w", st.name, err))
		}
	}
	if left, _ := filepath.Glob(s.path("tmp", "*")); len(left) != 2 {
		errs = errors.Join(errs, fmt.Errorf("tmp holds %q", left))
	}
	for _, st := range powerSteps {
		if err := errors.Join(st.do(context.Background(), s), st.there(s)); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s, done again: %w", st.name, err))
		}
	}
	return errs
}

// TestPowerCut cuts the power after any call of a process that makes a store
// and puts something of every kind into it, in any order, and lets the disk
// keep any part of what was not synced. What had been committed is there, all
// else is absent or whole, no action is there without what it names, and the
// same work succeeds.
func TestPowerCut(t *testing.T) {
	base, all := need.MemoryDir(t), len(callsOfSteps(t))+12
	rapid.Check(t, func(r *rapid.T) {
		root, err := os.MkdirTemp(base, "")
		must(t, err)
		todo := powerSteps
		for range rapid.IntRange(0, 2).Draw(r, "rounds") {
			todo = append(slices.Clip(todo), powerSteps...)
		}
		calls := rapid.IntRange(1, all*len(todo)/len(powerSteps)).Draw(r, "calls")
		p, done, err := cutStore(filepath.Join(root, "before"), calls, todo, nil)
		if err != nil {
			r.Fatal(err)
		}
		defer p.close()
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "pick") }
		if err := afterCut(p, filepath.Join(root, "after"), done, pick); err != nil {
			r.Fatalf("cut after call %d: %v\n%s", calls, err, p.describe())
		}
		_ = os.RemoveAll(root)
	})
}

// TestPowerCutIsSeen has the model find what is wrong with disks that promise
// more than they keep: each stands for a mistake in the protocol.
func TestPowerCutIsSeen(t *testing.T) {
	all := len(callsOfSteps(t)) + 12
	for name, spoil := range map[string]func(*powerDisk){
		"a copy is not synced":            func(p *powerDisk) { p.forget = isAnonymous },
		"files are not synced":            func(p *powerDisk) { p.forget = isCall("sync", "") },
		"a blob is not synced":            func(p *powerDisk) { p.forget = isCall("sync", "blob-*") },
		"a pack is not synced":            func(p *powerDisk) { p.forget = isCall("sync", packName) },
		"an image is not synced":          func(p *powerDisk) { p.forget = isCall("sync", imageName) },
		"a list of bodies is not synced":  func(p *powerDisk) { p.forget = isCall("sync", bodiesName) },
		"a layer's directory is not":      func(p *powerDisk) { p.forget = isCall("syncDir", "layer-*") },
		"an artifact's directory is not":  func(p *powerDisk) { p.forget = isCall("syncDir", "object") },
		"places are not synced":           func(p *powerDisk) { p.forget = isCall("syncDir", "sha256") },
		"the directory of blobs is not":   func(p *powerDisk) { p.forget = isCall("syncDir", "blobs") },
		"the store's directory is not":    func(p *powerDisk) { p.forget = isCall("syncDir", "store") },
		"the parent of the store is not":  func(p *powerDisk) { p.forget = isCall("syncDir", "new") },
		"actions are durable before that": func(p *powerDisk) { p.forget = p.below("syncDir", "blobs/sha256") },
	} {
		t.Run(name, func(t *testing.T) {
			root := need.MemoryDir(t)
			random := rand.New(rand.NewPCG(1, 2))
			for i := range 5000 {
				dir := filepath.Join(root, fmt.Sprint(i))
				p, done, err := cutStore(filepath.Join(dir, "before"), 1+random.IntN(all), powerSteps, spoil)
				must(t, err)
				err = afterCut(p, filepath.Join(dir, "after"), done, random.IntN)
				p.close()
				_ = os.RemoveAll(dir)
				if err != nil {
					t.Logf("seen at try %d: %.300s", i, err)
					return
				}
			}
			t.Error("not seen")
		})
	}
}
