package source

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ParseHost checks the "HOST[:PORT]" of a registry, as it stands in
// references, and returns the one form under which it is compared: in lower
// case, and Docker Hub under the name of its API.
func ParseHost(s string) (string, error) {
	r, err := name.NewRegistry(strings.ToLower(s), name.StrictValidation)
	if err != nil || strings.ContainsAny(s, "/@ ") {
		return "", fmt.Errorf("%w: %.200q is no HOST[:PORT] of a registry", ErrReference, s)
	}
	return r.RegistryStr(), nil
}

// hasHost reports whether host is among those listed.
func hasHost(list []string, host string) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		listed, err := ParseHost(s)
		return err == nil && strings.EqualFold(listed, host)
	})
}

// hostname is "HOST[:PORT]" without the port and the brackets of IPv6.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// isLoopback reports whether a "HOST[:PORT]" is this machine (RFC 6761 section
// 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
func isLoopback(host string) bool {
	h := strings.TrimSuffix(strings.ToLower(hostname(host)), ".")
	if h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(h)
	return err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsUnspecified())
}

// isLinkLocal reports whether a "HOST[:PORT]" is an address that means
// something on one link only, such as that of a cloud's metadata service.
func isLinkLocal(host string) bool {
	ip, err := netip.ParseAddr(hostname(host))
	return err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip.Unmap().IsLinkLocalMulticast())
}
