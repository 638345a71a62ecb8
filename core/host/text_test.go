package host

import (
	"bufio"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func checkPrintable(t *testing.T, s string, most int) {
	t.Helper()
	if len(s) > most || !utf8.ValidString(s) {
		t.Errorf("%d bytes of %q, want at most %d and UTF-8", len(s), s, most)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != utf8.RuneError {
			t.Errorf("%q is not printable in %q", r, s)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b[31mred\x00\xff\u202e é\n", 7)
	f.Add("\ufffd\ufffd\ufffd", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(most, 0) % (1 << 16)
		out := clean(s, most)
		checkPrintable(t, out, most)
		if again := clean(out, most); again != out {
			t.Errorf("clean(%q) = %q, and of that %q", s, out, again)
		}
		checkPrintable(t, quote(s), maxQuote)
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("1|1|unix|/x|grpc|" + strings.Repeat("A", 60) + "\n"))
	f.Add([]byte("1|1|tcp|127.0.0.1:1|grpc||\n"))
	f.Add([]byte("||||||\n"))
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, data []byte) {
		line, err := readHandshake(bufio.NewReaderSize(strings.NewReader(string(data)), maxHandshake))
		if err != nil {
			checkPrintable(t, err.Error(), 500)
			return
		}
		if strings.Count(line, "|") < 5 || strings.ContainsAny(line, "\n") {
			t.Errorf("took %q for a handshake", line)
		}
	})
}
