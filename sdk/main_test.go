package sdk

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestServeByHand(t *testing.T) {
	t.Setenv(Handshake().MagicCookieKey, "")
	if err := Serve(funcs{}); !errors.Is(err, ErrByHand) {
		t.Errorf("error is %v", err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	explain(&text, "banger-builder-x", funcs{d: Description{Name: "x", MediaType: "application/x-tar"}})
	for _, want := range []string{"banger-builder-x is a builder for banger", "application/x-tar", "banger build --builder x -o FILE IMAGE"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
}
