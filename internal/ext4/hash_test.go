package ext4

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"banger/internal/need"
)

// TestNameHash holds hashes against debugfs's.
func TestNameHash(t *testing.T) {
	debugfs := need.Tool(t, "debugfs", "e2fsprogs")
	seed := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	f := newFormat(Options{HashSeed: seed})
	const uuid = "01020304-0506-0708-090a-0b0c0d0e0f10"
	for _, name := range []string{
		"a", "ab", "abc", "abcd", "abcde", "lost+found", "\xe4\xf6\xfc", "naïve", strings.Repeat("x", 31), strings.Repeat("x", 32),
		strings.Repeat("y", 33), strings.Repeat("z", 64), strings.Repeat("\xff", 255), "0123456789abcdef0123456789abcdef0123456789",
	} {
		for _, c := range []struct {
			args []string
			seed [4]uint32
		}{{[]string{"-s", uuid}, f.hashSeed}, {nil, [4]uint32{}}} {
			line := strings.Join(append(append([]string{"dx_hash", "-h", "half_md4"}, c.args...), name), " ")
			out, err := exec.CommandContext(t.Context(), debugfs, "-R", line).Output()
			if err != nil {
				t.Fatal(err)
			}
			major, minor := nameHash(name, c.seed)
			if want := fmt.Sprintf("is 0x%x (minor 0x%x)", major, minor); !strings.Contains(string(out), want) {
				t.Errorf("%q, seed %x: got %s, debugfs says %s", name, c.seed, want, out)
			}
		}
	}
}
