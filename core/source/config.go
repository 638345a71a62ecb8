package source

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"
)

// config is what banger reads of an image config.
type config struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	RootFS       struct {
		Type    string  `json:"type"`
		DiffIDs diffIDs `json:"diff_ids"`
	} `json:"rootfs"`
}

type diffIDs []digest.Digest

func (l *diffIDs) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[digest.Digest](b, maxDescriptors)
	return err
}

// DiffIDs returns the digests of an image's plain layers, lowest first, from
// the image's config.
func DiffIDs(raw []byte) ([]digest.Digest, error) {
	c, err := parseConfig(raw)
	return c.RootFS.DiffIDs, err
}

func parseConfig(raw []byte) (config, error) {
	var c config
	if err := json.Unmarshal(raw, &c); err != nil {
		return config{}, invalid("parse config: %w", err)
	}
	if c.RootFS.Type != "layers" && (c.RootFS.Type != "" || len(c.RootFS.DiffIDs) > 0) {
		return config{}, invalid("config: rootfs of type %.40q, not layers", c.RootFS.Type)
	}
	for i, d := range c.RootFS.DiffIDs {
		if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
			return config{}, invalid("config: diffID %d, %.100q, is not a sha256", i, d)
		}
	}
	return c, nil
}

// platform returns what the config says the image runs on.
func (c config) platform() (Platform, bool) {
	p := Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
	return p, p.OS != "" && p.Architecture != ""
}
