package core

import (
	"strings"
)

// refName makes of an image's name one that an OCI layout may have
// (image-spec, annotations.md, org.opencontainers.image.ref.name):
//
//	ref       ::= component ("/" component)*
//	component ::= alphanum (separator alphanum)*
//	alphanum  ::= [A-Za-z0-9]+
//	separator ::= [-._:@+] | "--"
//
// Programs that read layouts refuse others. The names of images in registries
// are such already; of a path, "oci:/srv/my image" for one, what does not fit
// is left out, or becomes a "-": "oci/srv/my-image".
func refName(name string) string {
	var components []string
	for part := range strings.SplitSeq(name, "/") {
		if c := refComponent(part); c != "" {
			components = append(components, c)
		}
	}
	if len(components) == 0 {
		return "image"
	}
	return strings.Join(components, "/")
}

func refComponent(s string) string {
	var b strings.Builder
	for rest := s; rest != ""; {
		run := len(rest) - len(strings.TrimLeftFunc(rest, alphanum))
		b.WriteString(rest[:run])
		rest = rest[run:]
		next := strings.IndexFunc(rest, alphanum)
		if next < 0 {
			break
		}
		switch sep := rest[:next]; {
		case b.Len() == 0:
		case sep == "--", len(sep) == 1 && strings.Contains("-._:@+", sep):
			b.WriteString(sep)
		default:
			b.WriteByte('-')
		}
		rest = rest[next:]
	}
	return b.String()
}

func alphanum(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}
