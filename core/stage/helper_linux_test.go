package stage_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"banger/core/stage"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// job is what a test has another process do, as another user or with another
// umask. Exactly one of its fields says what.
type job struct {
	Umask  int
	Files  uint64 // the limit on open files, if not 0
	Stage  string // this directory, from Tree and Pack
	How    sdk.Staging
	Tree   string
	Pack   string
	Probe  string
	Remove string
}

type result struct {
	Err          string
	Losses       []sdk.Loss
	Capabilities stage.Capabilities
}

const helperArg = "stage-test-helper"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == helperArg {
		if err := help(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	need.PrivateMounts()
	os.Exit(m.Run())
}

// help does the jobs that come from in until it ends.
func help(in io.Reader, out io.Writer) error {
	dec, enc := gob.NewDecoder(in), gob.NewEncoder(out)
	for {
		var j job
		if err := dec.Decode(&j); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var r result
		if err := j.run(&r); err != nil {
			r.Err = err.Error()
		}
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
}

func (j *job) run(r *result) (err error) {
	unix.Umask(j.Umask)
	if j.Files > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: j.Files, Max: j.Files}); err != nil {
			return err
		}
	}
	switch {
	case j.Probe != "":
		r.Capabilities, err = stage.Probe(j.Probe)
	case j.Remove != "":
		err = stage.Remove(j.Remove)
	default:
		r.Losses, err = j.stage()
	}
	return err
}

func (j *job) stage() ([]sdk.Loss, error) {
	f, err := os.Open(j.Tree)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tr, err := tree.Read(f)
	if err != nil {
		return nil, err
	}
	pack, err := os.Open(j.Pack)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	return stage.Dir(context.Background(), tr, &treetest.Packs{File: pack}, j.Stage, j.How, nil)
}

// other is a process that does jobs, one after another.
type other struct {
	enc *gob.Encoder
	dec *gob.Decoder
}

// nobody starts a process of an ordinary user, who has a directory of his own.
func nobody(t testing.TB) (*other, string) {
	t.Helper()
	dir := need.OpenDir(t)
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "helper") // where it can be reached
	mustDo(t, os.WriteFile(binary, self, 0o755), os.Chmod(binary, 0o755))
	cmd := exec.CommandContext(t.Context(), binary, helperArg)
	need.AsNobody(cmd)
	return start(t, cmd), dir
}

// privileged starts a process of this user with other attributes.
func privileged(t testing.TB, attr *syscall.SysProcAttr) *other {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], helperArg)
	cmd.SysProcAttr = attr
	return start(t, cmd)
}

func start(t testing.TB, cmd *exec.Cmd) *other {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	mustDo(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &other{gob.NewEncoder(in), gob.NewDecoder(out)}
}

func (o *other) do(j job) (result, error) {
	var r result
	if err := o.enc.Encode(j); err != nil {
		return r, err
	}
	if err := o.dec.Decode(&r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// save writes a tree and its pack below dir for another process.
func save(dir string, tr *tree.Tree, p *treetest.Packs) (treePath, packPath string, err error) {
	treePath, packPath = filepath.Join(dir, "tree"), filepath.Join(dir, "pack")
	f, err := os.Create(treePath)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	if _, err := tr.WriteTo(f); err != nil {
		return "", "", err
	}
	pack, err := os.Create(packPath)
	if err != nil {
		return "", "", err
	}
	defer pack.Close()
	_, err = io.Copy(pack, io.NewSectionReader(p.File, 0, 1<<40))
	return treePath, packPath, err
}

// unaccounted holds a staged directory against its tree: what differs must be
// in losses, and each loss must be a difference. It returns lines about what
// is not so.
func unaccounted(t testing.TB, tr *tree.Tree, dir string, losses []sdk.Loss) []string {
	t.Helper()
	got, err := fstree.List(t.Context(), dir, fstree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fstree.Record{}
	for _, r := range fstree.FromTree(tr, fstree.Options{}) {
		want[r.Path] = r
	}
	var lines []string
	for _, l := range losses {
		if err := applyLoss(want, l); err != nil {
			lines = append(lines, fmt.Sprintf("%v: %v", l, err))
		}
	}
	list := slices.SortedFunc(maps.Values(want), func(a, b fstree.Record) int { return strings.Compare(a.Path, b.Path) })
	return append(lines, fstree.Diff(list, got, 20)...)
}

// applyLoss makes of what was wanted at a path, and at all names of the same
// inode, what the loss says is there.
func applyLoss(want map[string]fstree.Record, l sdk.Loss) error {
	lost, ok := want[l.Path]
	if !ok {
		return errors.New("no such path")
	}
	if l.Field == "type" {
		delete(want, l.Path)
		return nil
	}
	for path, r := range want {
		if path != l.Path && (lost.Link == "" || r.Link != lost.Link) {
			continue
		}
		if err := applyField(&r, l); err != nil {
			return err
		}
		want[path] = r
	}
	return nil
}

func applyField(r *fstree.Record, l sdk.Loss) error {
	var had string
	var err error
	name, isXattr := strings.CutPrefix(l.Field, "xattr:")
	switch {
	case l.Field == "owner":
		had = fmt.Sprintf("%d:%d", r.UID, r.GID)
		_, err = fmt.Sscanf(l.Got, "%d:%d", &r.UID, &r.GID)
	case l.Field == "mode":
		had = fmt.Sprintf("%04o", r.Mode)
		_, err = fmt.Sscanf(l.Got, "%o", &r.Mode)
	case l.Field == "mtime":
		had = r.MTime.Time().Format(time.RFC3339Nano)
		var got time.Time
		got, err = time.Parse(time.RFC3339Nano, l.Got)
		r.MTime = tree.Time{Sec: got.Unix(), Nsec: uint32(got.Nanosecond())}
	case isXattr:
		i := slices.IndexFunc(r.Xattrs, func(x tree.Xattr) bool { return x.Name == name })
		if i < 0 {
			return errors.New("was not wanted")
		}
		had = r.Xattrs[i].Value
		if r.Xattrs[i].Value = l.Got; l.Got == "" {
			r.Xattrs = slices.Delete(r.Xattrs, i, i+1)
		}
	default:
		return errors.New("unknown field")
	}
	if err == nil && (had != l.Wanted || had == l.Got) {
		err = fmt.Errorf("the tree says %q", had)
	}
	return err
}
