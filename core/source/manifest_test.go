package source_test

import (
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"banger/core/source"
)

func layersOf(m map[string]any) []v1.Descriptor { return m["layers"].([]v1.Descriptor) }

func TestRefusesManifests(t *testing.T) {
	layerType := func(s types.MediaType) func(m, c map[string]any) {
		return func(m, _ map[string]any) { layersOf(m)[0].MediaType = s }
	}
	for _, c := range []struct {
		name, err string
		edit      func(m, c map[string]any)
	}{
		{"schema 1", "obsolete schema 1", func(m, _ map[string]any) { m["schemaVersion"] = 1 }},
		{"schema 1 by its layers", "obsolete schema 1", func(m, _ map[string]any) { m["fsLayers"] = []string{} }},
		{"schema 3", "schemaVersion 3", func(m, _ map[string]any) { m["schemaVersion"] = 3 }},
		{"foreign layer", "foreign layer", layerType(types.DockerForeignLayer)},
		{"nondistributable layer", "foreign layer", layerType(types.OCIRestrictedLayer)},
		{"nondistributable zstd layer", "foreign layer", layerType("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")},
		{"encrypted layer", "decrypt the image first", layerType("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")},
		{"unknown layer", `unsupported media type "text/plain"`, layerType("text/plain")},
		{"helm chart", "artifact of type", func(m, _ map[string]any) {
			m["config"] = v1.Descriptor{MediaType: "application/vnd.cncf.helm.config.v1+json", Digest: layersOf(m)[0].Digest}
		}},
		{"artifact", `artifact of type "application/x"`, func(m, _ map[string]any) { m["artifactType"] = "application/x" }},
		{"no config", "no config", func(m, _ map[string]any) { m["config"] = map[string]any(nil) }},
		{"config without digest", "is not a sha256", func(m, _ map[string]any) {
			m["config"] = map[string]any{"mediaType": types.OCIConfigJSON, "size": 3}
		}},
		{"negative size", "negative size", func(m, _ map[string]any) { layersOf(m)[0].Size = -1 }},
		{"sha512", "is not a sha256", func(m, _ map[string]any) {
			layersOf(m)[0].Digest = v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("a", 128)}
		}},
		{"path as digest", "parse manifest", func(m, _ map[string]any) {
			m["layers"] = []any{map[string]any{"mediaType": types.OCILayer, "size": 3, "digest": "sha256:../../../etc/passwd"}}
		}},
		{"huge config", "over the limit", func(m, _ map[string]any) {
			m["config"] = v1.Descriptor{MediaType: types.OCIConfigJSON, Size: 1 << 40, Digest: layersOf(m)[0].Digest}
		}},
		{"image and index at once", "at once", func(m, _ map[string]any) { m["manifests"] = []string{} }},
		{"an index by its type", "not of the media type", func(m, _ map[string]any) { m["mediaType"] = types.OCIImageIndex }},
		{"unknown type", "unsupported media type", func(m, _ map[string]any) { m["mediaType"] = "application/x" }},
		{"too many layers", "a list of more than", func(m, _ map[string]any) { m["layers"] = make([]struct{}, 20_000) }},
		{"layers are no list", "parse manifest", func(m, _ map[string]any) { m["layers"] = "x" }},
		{"more diffIDs than layers", "1 layers and the config 2 diffIDs", func(_, c map[string]any) {
			root := c["rootfs"].(map[string]any)
			root["diff_ids"] = append(root["diff_ids"].([]string), root["diff_ids"].([]string)...)
		}},
		{"no rootfs", "0 diffIDs", func(_, c map[string]any) { delete(c, "rootfs") }},
		{"diffID of another kind", "is not a sha256", func(_, c map[string]any) {
			c["rootfs"].(map[string]any)["diff_ids"] = []string{"sha512:" + strings.Repeat("a", 128)}
		}},
		{"rootfs of another kind", "rootfs of type", func(_, c map[string]any) { c["rootfs"].(map[string]any)["type"] = "squash" }},
		{"config is no object", "parse config", func(_, c map[string]any) { c["rootfs"] = 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLayout(t)
			wantInvalid(t, l.tag(l.manifest("linux/arm64", c.edit), "x"), c.err)
		})
	}
}

func TestTakesManifests(t *testing.T) {
	for name, edit := range map[string]func(m, c map[string]any){
		"no media type":      func(m, _ map[string]any) { delete(m, "mediaType") },
		"docker's types":     func(m, _ map[string]any) { m["mediaType"] = types.DockerManifestSchema2 },
		"no layers":          func(m, c map[string]any) { m["layers"] = []string{}; c["rootfs"] = nil },
		"unknown fields":     func(m, c map[string]any) { m["x"], c["y"] = 1, 2 },
		"annotated, subject": func(m, _ map[string]any) { m["subject"] = layersOf(m)[0] },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayout(t)
			check(t, mustOpen(t, l.tag(l.manifest("linux/arm64", edit), "x"), source.Options{}))
		})
	}
}

func TestRefusesLyingBlobs(t *testing.T) {
	for _, c := range []struct {
		name, err string
		spoil     func(l *layoutDir, d v1.Descriptor)
		edit      func(d *v1.Descriptor)
	}{
		{name: "manifest changed", err: "its digest is", spoil: func(l *layoutDir, d v1.Descriptor) {
			raw, err := os.ReadFile(l.path(d))
			if err != nil {
				l.t.Fatal(err)
			}
			raw[len(raw)-2] ^= 1
			if err := os.WriteFile(l.path(d), raw, 0o644); err != nil {
				l.t.Fatal(err)
			}
		}},
		{name: "manifest cut", err: "were promised", spoil: func(l *layoutDir, d v1.Descriptor) {
			if err := os.Truncate(l.path(d), d.Size-1); err != nil {
				l.t.Fatal(err)
			}
		}},
		{name: "manifest too long", err: "over the limit", edit: func(d *v1.Descriptor) { d.Size = 5 << 20 }},
		{name: "file too long", err: "more than 4194304 bytes", spoil: func(l *layoutDir, d v1.Descriptor) {
			if err := os.Truncate(l.path(d), 5<<20); err != nil {
				l.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLayout(t)
			d := l.image("linux/arm64")
			if c.spoil != nil {
				c.spoil(l, d)
			}
			if c.edit != nil {
				c.edit(&d)
			}
			wantInvalid(t, l.tag(d, "x"), c.err)
		})
	}
}
