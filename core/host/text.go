package host

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLine bounds a line that a builder logs or prints, in bytes.
	maxLine = 8 << 10
	// maxQuote bounds what is quoted in an error of what a builder printed.
	maxQuote = 200
)

// clean makes s fit for a terminal and at most most bytes long: one line of
// valid UTF-8 in which whatever is not printable is U+FFFD, and white space
// is a space. Cleaning what is clean changes nothing.
func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return utf8.RuneError
	}, shorten(s, most))
	return strings.Trim(shorten(s, most), " ")
}

// shorten cuts s to at most most bytes, at the start of a character.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// quote quotes the beginning of s in at most maxQuote bytes of printable
// ASCII.
func quote(s string) string {
	const dots = "…"
	for n := min(len(s), maxQuote); ; n-- {
		q := strconv.QuoteToASCII(s[:n])
		if n < len(s) {
			q += dots
		}
		if len(q) <= maxQuote {
			return q
		}
	}
}

// isName tells whether s can be the name of a builder, an option or the like:
// at most 64 lower-case letters, digits, dots, dashes and underscores,
// beginning with a letter or a digit.
func isName(s string) bool {
	if s == "" || len(s) > 64 || strings.Trim(s[:1], "._-") == "" {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}
