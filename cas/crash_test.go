package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"banger/internal/need"
)

// stepsAndDie makes a store and does all steps, and is killed after the call
// of its disk whose number is given, from 1.
func stepsAndDie(dir string) error {
	last, err := strconv.ParseInt(os.Getenv(argEnv), 10, 64)
	if err != nil {
		return err
	}
	var n atomic.Int64
	s, err := open(context.Background(), dir, hookedDisk(realDisk(), func(_ diskCall, do func() error) error {
		err := do()
		if n.Add(1) == last {
			die()
		}
		return err
	}))
	if err != nil {
		return err
	}
	for _, st := range steps {
		if err := st.do(context.Background(), s); err != nil {
			return err
		}
	}
	return s.Close()
}

// stepsCall is a call of the disk that the steps make, in the step named.
type stepsCall struct {
	step string
	call diskCall
}

// callsOfSteps lists the calls in their order.
func callsOfSteps(t testing.TB) []stepsCall {
	t.Helper()
	now := "open"
	var calls []stepsCall
	s := openDisk(t, filepath.Join(need.MemoryDir(t), "new", "store"), serially(hookedDisk(quickDisk(), func(c diskCall, do func() error) error {
		calls = append(calls, stepsCall{now, c})
		return do()
	})))
	for _, st := range steps {
		now = st.name
		must(t, st.do(t.Context(), s))
	}
	return calls
}

// lastCall returns the number of the last call of each step.
func lastCall(calls []stepsCall) map[string]int {
	last := map[string]int{}
	for i, c := range calls {
		last[c.step] = i + 1
	}
	return last
}

// TestKilledAtEveryCall kills a process that makes a store and everything in
// it after each of its calls: after a write of half the data, after a write, a
// sync, a rename, the sync of a directory, before the action and so on, for
// objects of every kind and index.json alike.
func TestKilledAtEveryCall(t *testing.T) {
	calls := callsOfSteps(t)
	last := lastCall(calls)
	for i, c := range calls {
		t.Run(fmt.Sprintf("%02d %s: %s", i+1, c.step, c.call), func(t *testing.T) {
			dir := filepath.Join(need.MemoryDir(t), "new", "store")
			cmd := helper(t, "steps", dir, strconv.Itoa(i+1))
			if err := cmd.Run(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("the process was not killed: %v", err)
			}
			s := openTest(t, dir)
			if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(left) != 2 {
				t.Errorf("tmp holds %q", left)
			}
			if err := checkAbsentOrWhole(s); err != nil {
				t.Error(err)
			}
			for _, st := range steps {
				if err := st.there(s); err != nil && last[st.name] <= i+1 {
					t.Errorf("%s was done, and then: %v", st.name, err)
				}
			}
			before := tree(t, dir)
			doSteps(t, s)
			checkNothingTwice(t, s, before)
		})
	}
}

// checkNothingTwice sees to it that doing it again has added what was not
// there and changed no name.
func checkNothingTwice(t *testing.T, s *Store, before []string) {
	t.Helper()
	after := tree(t, s.dir)
	for _, name := range before {
		if !slices.Contains(after, name) && !strings.HasPrefix(name, versionTemp) {
			t.Errorf("%s has gone", name)
		}
	}
	for _, k := range []kind{kindBlob, kindLayer, kindArtifact, kindAction} {
		want := map[kind]int{kindBlob: 2, kindLayer: 1, kindArtifact: 2, kindAction: 1}[k]
		if names, err := os.ReadDir(s.path(k.dir())); err != nil || len(names) != want {
			t.Errorf("%d of %s, want %d, %v", len(names), k, want, err)
		}
	}
}

// TestStepsReachEveryCall keeps the tests above from passing for want of
// calls.
func TestStepsReachEveryCall(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range callsOfSteps(t) {
		seen[c.call.name] = true
	}
	for _, name := range []string{"create", "mkdir", "write", "sync", "close", "rename", "exchange", "syncDir"} {
		if !seen[name] {
			t.Errorf("no step calls %s", name)
		}
	}
	if err := checkAbsentOrWhole(openTest(t, t.TempDir())); errors.Is(err, ErrCorrupt) || err != nil {
		t.Errorf("an empty store: %v", err)
	}
}
