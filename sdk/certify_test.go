package sdk

import (
	"io"
	"os"
	"testing"
)

// TestComplete: the line that go-plugin prints, and what becomes of it.
func TestComplete(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"1|1|unix|/run/socket|grpc|\n": "1|1|unix|/run/socket|grpc|AQID\n",
		"":                             "",
		"cut short":                    "",
	} {
		printed, to := pipe(t)
		from, stdout := pipe(t)
		if _, err := to.WriteString(line); err != nil {
			t.Fatal(err)
		}
		_ = to.Close()
		complete(stdout, printed, []byte{1, 2, 3})
		_ = stdout.Close()
		if got, err := io.ReadAll(from); err != nil || string(got) != want {
			t.Errorf("%q became %q, want %q: %v", line, got, want, err)
		}
	}
}

func pipe(t *testing.T) (from, to *os.File) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = from.Close() })
	return from, to
}
