package cas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// The file of an action is one line: a JSON object whose last member,
// checksum, is the SHA-256 of all bytes before its comma. So whatever happens
// to a file is seen before its content is believed.

// actionVersion is the version of that format.
const actionVersion = 1

// maxAction is the largest file of an action. What is larger belongs into a
// blob.
const maxAction = 8 << 20

const (
	checksumStart = `,"checksum":"sha256:`
	checksumEnd   = "\"}\n"
)

var errOtherVersion = errors.New("action of another version")

type actionFile struct {
	Version  int             `json:"version"`
	Key      digest.Digest   `json:"key"`
	Created  time.Time       `json:"created"`
	Artifact digest.Digest   `json:"artifact,omitempty"`
	Blobs    []digest.Digest `json:"blobs,omitempty"`
	Preimage json.RawMessage `json:"preimage"`
	Result   json.RawMessage `json:"result,omitempty"`
	Checksum digest.Digest   `json:"checksum,omitempty"`
}

func encodeAction(a Action) ([]byte, error) {
	key, canonical, err := ActionKey(a.Preimage)
	if err != nil {
		return nil, err
	}
	if key != a.Key || !bytes.Equal(canonical, a.Preimage) {
		return nil, fmt.Errorf("%w: the preimage is not canonical, or that of %s", ErrMismatch, key)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(actionFile{
		Version: actionVersion, Key: a.Key, Created: a.Created.UTC(),
		Artifact: a.Artifact, Blobs: a.Blobs, Preimage: a.Preimage, Result: a.Result,
	})
	if err != nil {
		return nil, err
	}
	body := bytes.TrimSuffix(out.Bytes(), []byte("}\n"))
	b := fmt.Appendf(nil, "%s%s%s%s", body, checksumStart, digest.FromBytes(body).Encoded(), checksumEnd)
	if len(b) > maxAction {
		return nil, fmt.Errorf("%w: %d bytes, where %d are allowed", ErrTooLarge, len(b), maxAction)
	}
	return b, nil
}

func readAction(path string, key digest.Digest) (Action, error) {
	b, err := readSmall(path, maxAction)
	if err != nil {
		return Action{}, err
	}
	return decodeAction(b, key)
}

// decodeAction parses the file of the action key. Its errors wrap
// errOtherVersion or errBadContent.
func decodeAction(b []byte, key digest.Digest) (Action, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err == nil && v.Version != actionVersion {
		return Action{}, fmt.Errorf("%w %d", errOtherVersion, v.Version)
	}
	if err := checkActionSum(b); err != nil {
		return Action{}, fmt.Errorf("%w: %w", errBadContent, err)
	}
	var f actionFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Action{}, fmt.Errorf("%w: %w", errBadContent, err)
	}
	if f.Key != key {
		return Action{}, fmt.Errorf("%w: it is action %.100q", errBadContent, string(f.Key))
	}
	if err := matches(f.Preimage, key); err != nil {
		return Action{}, fmt.Errorf("preimage: %w", err)
	}
	if err := f.checkNames(); err != nil {
		return Action{}, fmt.Errorf("%w: %w", errBadContent, err)
	}
	return Action{
		Key: f.Key, Preimage: f.Preimage, Artifact: f.Artifact,
		Blobs: f.Blobs, Result: f.Result, Created: f.Created,
	}, nil
}

func (f *actionFile) checkNames() error {
	names := f.Blobs
	if f.Artifact != "" {
		names = append(slices.Clip(names), f.Artifact)
	}
	for _, d := range names {
		if _, err := encoded(d); err != nil {
			return err
		}
	}
	return nil
}

func checkActionSum(b []byte) error {
	const tail = len(checksumStart) + 64 + len(checksumEnd)
	if len(b) < tail {
		return errors.New("too short")
	}
	body := b[:len(b)-tail]
	want := fmt.Sprintf("%s%s%s", checksumStart, digest.FromBytes(body).Encoded(), checksumEnd)
	if string(b[len(body):]) != want {
		return errors.New("checksum mismatch")
	}
	return nil
}
