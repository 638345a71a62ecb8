package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestOrigins(t *testing.T) {
	s := openTest(t, t.TempDir())
	put := func(question, image string) Artifact {
		a := putImage(t, s, image)
		key, preimage, err := ActionKey(question)
		must(t, err)
		must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: a.Digest}))
		return a
	}
	a := put("one", "image")
	put("two", "image")
	put("three", "other")
	key, preimage, err := ActionKey("none")
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage}))
	must(t, os.WriteFile(s.path(kindAction.dir(), "README"), nil, 0o600))

	file := filepath.Join(t.TempDir(), "copy")
	must(t, s.CopyOut(t.Context(), a, file, CopyOptions{}))
	d, found, err := s.Origins(t.Context(), file)
	must(t, err)
	if d != a.Digest || len(found) != 2 {
		t.Errorf("%s, %d actions", d, len(found))
	}
	must(t, putTestLayer(t, s, digest.FromString("tar"), "mag"))
	lean := putSkeleton(t, s, "i   e", Bodies{Layers: []digest.Digest{digest.FromString("tar")}, List: []Body{{Offset: 1, Length: 3}}})
	key, preimage, err = ActionKey("four")
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: lean.Digest}))
	if _, found, err := s.Origins(t.Context(), file); err != nil || len(found) != 3 {
		t.Errorf("with one whose bodies lie in a pack, %d actions, %v", len(found), err)
	}
	for content, why := range map[string]string{"imagE": "changed", "longer than any": "of another size"} {
		must(t, os.Remove(file))
		must(t, os.WriteFile(file, []byte(content), 0o600))
		if d, found, err := s.Origins(t.Context(), file); err != nil || d != "" || found != nil {
			t.Errorf("%s: %s, %v, %v", why, d, found, err)
		}
	}
	if _, _, err := s.Origins(t.Context(), t.TempDir()); !errors.Is(err, ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	v, err := View(t.Context(), filepath.Join(t.TempDir(), "none"))
	must(t, err)
	if _, found, err := v.Origins(t.Context(), file); err != nil || found != nil {
		t.Errorf("no store: %v, %v", found, err)
	}
}
