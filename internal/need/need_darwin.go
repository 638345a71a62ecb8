package need

import "testing"

// UserNamespaces needs user_namespaces(7), which only Linux has.
func UserNamespaces(t testing.TB) {
	t.Helper()
	missing(t, "needs user namespaces, which only Linux has")
}

// PrivateMounts does something on Linux only.
func PrivateMounts() {}
