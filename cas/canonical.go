package cas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// ActionKey returns the key of the action that preimage asks for, and the
// preimage's canonical JSON, of which the key is the SHA-256.
//
// preimage is anything that encoding/json can marshal. Canonical is: no white
// space, the keys of objects sorted by their bytes, strings escaped only
// where JSON must. Numbers are integers, kept as they are; a fraction, an
// exponent and -0 are errors, and so is a string that is not valid UTF-8,
// because two different ones could give the same key.
func ActionKey(preimage any) (digest.Digest, json.RawMessage, error) {
	b, err := canonicalJSON(preimage)
	if err != nil {
		return "", nil, fmt.Errorf("make action key: %w", err)
	}
	return digest.FromBytes(b), b, nil
}

func canonicalJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if err := lossless(b); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return appendCanonical(nil, plain)
}

// lossless returns an error when the marshalled b no longer tells strings
// apart that were different. encoding/json writes what is not UTF-8 as the
// escape \ufffd, and a genuine U+FFFD as itself; it reads a lone surrogate
// as U+FFFD and never writes one.
func lossless(b []byte) error {
	if !utf8.Valid(b) {
		return errors.New("string is not valid UTF-8")
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i+1 < len(b); {
		if b[i+1] == 'u' && len(b) >= i+6 {
			hex := strings.ToLower(string(b[i+2 : i+6]))
			if hex == "fffd" || (hex >= "d800" && hex <= "dfff") {
				return errors.New("string is not valid UTF-8")
			}
		}
		next := bytes.IndexByte(b[i+2:], '\\')
		if next < 0 {
			break
		}
		i += 2 + next
	}
	return nil
}

func appendCanonical(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return fmt.Append(dst, v), nil
	case string:
		return appendString(dst, v), nil
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") || v == "-0" {
			return nil, fmt.Errorf("number %.40s is not a plain integer", v)
		}
		return append(dst, v...), nil
	case []any:
		return appendArray(dst, v)
	case map[string]any:
		return appendObject(dst, v)
	default:
		return nil, fmt.Errorf("unexpected %T", v)
	}
}

func appendArray(dst []byte, list []any) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendCanonical(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, object map[string]any) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		if dst, err = appendCanonical(dst, object[key]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendString escapes what RFC 8259 section 7 says must be, and in the
// short form where there is one.
func appendString(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	const letters = `btnfr"\`
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		if i := strings.IndexByte(short, c); i >= 0 {
			dst = append(dst, '\\', letters[i])
		} else if c < 0x20 {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
