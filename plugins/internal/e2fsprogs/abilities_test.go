package e2fsprogs

import (
	"strings"
	"testing"
)

func TestAbilities(t *testing.T) {
	for _, tt := range []struct{ version, can, cannot string }{
		{"1.47.0", "larger than 2 GiB", "past 2038"},
		{"1.47.1", "past 2038", ""},
		{"1.47.3", "past 2038", "larger than 2 GiB"},
		{"1.47.10", "larger than 2 GiB", ""},
		{"1.47.1-rc1", "past 2038", ""},
		{"1.45.7", "", "too old"},
	} {
		t.Run(tt.version, func(t *testing.T) {
			can, cannot := Abilities(MkfsName, tt.version)
			if !strings.Contains(strings.Join(can, "\n"), tt.can) || (tt.can == "") != (len(can) == 0) {
				t.Errorf("can %q, want %q in it", can, tt.can)
			}
			if !strings.Contains(strings.Join(cannot, "\n"), tt.cannot) || (tt.cannot == "") != (len(cannot) == 0) {
				t.Errorf("cannot %q, want %q in it", cannot, tt.cannot)
			}
		})
	}
}
