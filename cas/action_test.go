package cas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"
)

func TestActionKeyIsCanonical(t *testing.T) {
	type s struct {
		B string `json:"b"`
		A any    `json:"a"`
	}
	for name, tc := range map[string]struct {
		preimage any
		want     string // "" for an error
	}{
		"sorted":            {s{"x", 1}, `{"a":1,"b":"x"}`},
		"nested":            {map[string]any{"z": []any{nil, true, s{"", -7}}}, `{"z":[null,true,{"a":-7,"b":""}]}`},
		"no html escapes":   {"<&>\u2028é", "\"<&>\u2028é\""},
		"control bytes":     {"\x00\x1f\b\t\n\f\r\"\\\x7f", `"\u0000\u001f\b\t\n\f\r\"\\` + "\x7f\""},
		"large integer":     {json.RawMessage(`123456789012345678901234567890`), `123456789012345678901234567890`},
		"raw spaces":        {json.RawMessage(" { \"b\" : 1 , \"a\" : \"\\u0041\" } "), `{"a":"A","b":1}`},
		"keys by bytes":     {map[string]int{"a": 1, "B": 2, "é": 3, "": 4}, `{"":4,"B":2,"a":1,"é":3}`},
		"real U+FFFD":       {"\ufffd", "\"\ufffd\""},
		"escaped backslash": {`\ufffd`, `"\\ufffd"`},
		"fraction":          {1.5, ""},
		"exponent":          {json.RawMessage(`1e3`), ""},
		"minus zero":        {json.RawMessage(`-0`), ""},
		"not UTF-8":         {"a\xffb", ""},
		"key not UTF-8":     {map[string]int{"\xff": 1}, ""},
		"raw not UTF-8":     {json.RawMessage("\"\xff\""), ""},
		"lone surrogate":    {json.RawMessage(`"\ud800"`), ""},
		"not JSON":          {func() {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			key, b, err := ActionKey(tc.preimage)
			if tc.want == "" {
				if err == nil {
					t.Errorf("got %s", b)
				}
				return
			}
			if err != nil || string(b) != tc.want || key != digest.FromString(tc.want) {
				t.Errorf("got %s, %v, want %s", b, err, tc.want)
			}
		})
	}
}

func TestActionKeyIsIdempotentAndTrue(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any {
		return rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(),
			rapid.SliceOf(rapid.String()).AsAny(),
		)).Draw(t, "object")
	})
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		key, b, err := ActionKey(v)
		if err != nil {
			t.Fatal(err)
		}
		again, b2, err := ActionKey(b)
		if err != nil || again != key || !bytes.Equal(b, b2) {
			t.Fatalf("%s became %s, %v", b, b2, err)
		}
		plain, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(b, &got), json.Unmarshal(plain, &want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestActionUseIsNoted(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putAction(t, s, "?")
	path, err := s.object(kindAction, a.Key)
	must(t, err)
	long := time.Now().Add(-1000 * time.Hour)
	must(t, os.Chtimes(path, long, long))
	_, err = s.Action(a.Key)
	must(t, err)
	if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
}

func TestActionNamingTheAbsentIsAMissAndStays(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "x")
	a := putAction(t, s, "q", d)
	must(t, os.Remove(blobPath(t, s, d)))
	check := unchanged(t, s)
	if _, err := s.Action(a.Key); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	check()
	putText(t, s, "x")
	if _, err := s.Action(a.Key); err != nil {
		t.Error(err)
	}
}

func TestActionWithBadArtifactIsAMiss(t *testing.T) {
	s := openTest(t, t.TempDir())
	art := putArtifact(t, s, func(f *os.File) error { return f.Truncate(100) })
	key, preimage, err := ActionKey("q")
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: art.Digest}))
	overwrite(t, art.Path, []byte("short"))
	if _, err := s.Action(key); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Artifact(art.Digest); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		t.Errorf("the bad artifact is still there: %v", err)
	}
}

func TestDamagedAction(t *testing.T) {
	other, otherPreimage, err := ActionKey("other")
	must(t, err)
	wrongKey, err := encodeAction(Action{Key: other, Preimage: otherPreimage})
	must(t, err)
	for name, tc := range map[string]struct {
		damage func(b []byte) []byte
		stays  bool
	}{
		"truncated":      {func(b []byte) []byte { return b[:len(b)-1] }, false},
		"half":           {func(b []byte) []byte { return b[:len(b)/2] }, false},
		"empty":          {func([]byte) []byte { return nil }, false},
		"zeroed":         {func(b []byte) []byte { return make([]byte, len(b)) }, false},
		"trailing bytes": {func(b []byte) []byte { return append(b, '\n') }, false},
		"flipped":        {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, false},
		"other answer":   {func(b []byte) []byte { return bytes.Replace(b, []byte("42"), []byte("43"), 1) }, false},
		"wrong key":      {func([]byte) []byte { return wrongKey }, false},
		"too large":      {func(b []byte) []byte { return append(b, make([]byte, maxAction)...) }, false},
		"other version": {func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"version":1`), []byte(`"version":2`), 1)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			a := putAction(t, s, "q")
			path, err := s.object(kindAction, a.Key)
			must(t, err)
			b, err := os.ReadFile(path)
			must(t, err)
			overwrite(t, path, tc.damage(b))
			_, err = s.Action(a.Key)
			if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) == tc.stays {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(path); absent(err) == tc.stays {
				t.Errorf("after: %v", err)
			}
			putAction(t, s, "q")
			if _, err := s.Action(a.Key); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEveryFlippedBitOfAnActionIsSeen: a hit is the action that was put, or
// there is none.
func TestEveryFlippedBitOfAnActionIsSeen(t *testing.T) {
	key, preimage, err := ActionKey("q")
	must(t, err)
	b, err := encodeAction(Action{Key: key, Preimage: preimage, Result: []byte(`[1]`), Artifact: digest.FromString("a")})
	must(t, err)
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if a, err := decodeAction(b, key); err == nil {
			t.Errorf("bit %d: %+v", bit, a)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// sealed gives the open JSON object b a right checksum.
func sealed(b string) []byte {
	return []byte(b + checksumStart + digest.FromString(b).Encoded() + checksumEnd)
}

func TestActionChecksumIsNotBelievedAlone(t *testing.T) {
	key, _, err := ActionKey("q")
	must(t, err)
	right := fmt.Sprintf(`{"version":1,"key":"%s","preimage":"q"`, key)
	if _, err := decodeAction(sealed(right), key); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"other key inside": fmt.Sprintf(`{"version":1,"key":"%s","preimage":"q"`, digest.FromString("x")),
		"other preimage":   fmt.Sprintf(`{"version":1,"key":"%s","preimage":"r"`, key),
		"no preimage":      fmt.Sprintf(`{"version":1,"key":"%s"`, key),
		"bad blob":         right + `,"blobs":["../x"]`,
		"bad artifact":     right + `,"artifact":"sha256:x"`,
		"wrong type":       right + `,"blobs":7`,
		"two values":       right + `}{"version":1`,
	} {
		if a, err := decodeAction(sealed(b), key); !errors.Is(err, errBadContent) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func FuzzDecodeAction(f *testing.F) {
	key, preimage, err := ActionKey("q")
	must(f, err)
	b, err := encodeAction(Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{key}})
	must(f, err)
	f.Add(b)
	f.Add([]byte(`{"version":2}`))
	f.Add(fmt.Appendf(nil, `{"version":1,"key":"%s","preimage":"q","blobs":["../x"]`, key))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whatever a checksum vouches for is parsed.
		for _, b := range [][]byte{b, sealed(string(b))} {
			a, err := decodeAction(b, key)
			if err != nil {
				if !errors.Is(err, errBadContent) && !errors.Is(err, errOtherVersion) {
					t.Fatalf("error without a kind: %v", err)
				}
				continue
			}
			if digest.FromBytes(a.Preimage) != key {
				t.Fatalf("hit of another preimage: %s", a.Preimage)
			}
			for _, d := range a.Blobs {
				if _, err := encoded(d); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzActionKey(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2,"x\u0041",null,true]}`))
	f.Add([]byte(`"\ud800\udc00"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, b, err := ActionKey(json.RawMessage(raw))
		if err != nil {
			return
		}
		again, b2, err := ActionKey(b)
		if err != nil || again != key || !bytes.Equal(b, b2) {
			t.Fatalf("%q became %q, %v", b, b2, err)
		}
	})
}
