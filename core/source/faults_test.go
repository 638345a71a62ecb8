package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"banger/core/source"
	"banger/internal/hint"
	"banger/internal/registrytest"
)

// Every fault that passes is got over: each request for a manifest, a config
// or a blob meets it once or twice before it is answered.
func TestFaultsThatPass(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for name, fault := range map[string]http.HandlerFunc{
		"500":                       status(500),
		"502":                       status(502),
		"503":                       status(503),
		"504":                       status(504),
		"408":                       status(408),
		"429":                       status(429),
		"429, at once":              status(429, "Retry-After", "0"),
		"503, since a date":         status(503, "Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)),
		"503, nobody knows when":    status(503, "Retry-After", "soon"),
		"connection that breaks":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"answer that breaks off":    brokenAnswer,
		"answer that never goes on": stalledAnswer,
	} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
			t.Run(name+" "+proto, func(t *testing.T) {
				s := startRegistry(t)
				_, host, caFile := startTLS(t, s)
				o := trusting(t, caFile)
				if proto == "HTTP/1.1" {
					host, o = s.host, source.Options{}
				}
				met := make(map[string]*atomic.Int64)
				s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/v2/" {
						return false
					}
					if r.Proto[:6] != proto[:6] {
						t.Errorf("%s where %s is tested", r.Proto, proto)
					}
					s.mu.Lock()
					n := met[r.URL.Path]
					if n == nil {
						n = new(atomic.Int64)
						met[r.URL.Path] = n
					}
					s.mu.Unlock()
					if n.Add(1) > 2 {
						return false
					}
					fault(w, r)
					return true
				})
				check(t, mustOpen(t, host+"/repo:one", source.WithRetry(o, time.Millisecond, 200*time.Millisecond)))
				if len(met) != 4 {
					t.Errorf("%d things asked for, want manifest, config and two layers", len(met))
				}
			})
		}
	}
}

// brokenAnswer begins, and then the connection breaks.
func brokenAnswer(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// stalledAnswer begins and sends nothing.
func stalledAnswer(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// A registry that wants to be left alone is: for as long as it says when that
// is short, and by giving up with its words when it is not.
func TestRetryAfter(t *testing.T) {
	s := startRegistry(t)
	var last atomic.Int64
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		now := time.Now().UnixNano()
		if before := last.Swap(now); before != 0 {
			if waited := time.Duration(now - before); waited < time.Second {
				t.Errorf("asked again after %s", waited)
			}
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	check(t, mustOpen(t, s.ref("one"), fast(source.Options{})))

	for header, want := range map[string]string{
		"3600": "try again in 1h0m0s, or for a larger quota run: docker login " + s.host,
		time.Now().Add(100 * time.Hour).UTC().Format(http.TimeFormat): "try again in ",
	} {
		var asked atomic.Int64
		s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			asked.Add(1)
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = fmt.Fprint(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}`)
			return true
		})
		err := wantError(t, s.ref("one"), uncached(), source.ErrRateLimit, "You have reached your pull rate limit.")
		if !strings.HasPrefix(hint.Of(err), want) {
			t.Errorf("hint %q, want %q", hint.Of(err), want)
		}
		if n := asked.Load(); n != 2 { // HEAD, and GET for the words
			t.Errorf("asked %d times", n)
		}
	}
}

// A registry that is down says why: HEAD, the first request, has no answer
// with words, and so there is one more, which is not patient again.
func TestDownInItsOwnWords(t *testing.T) {
	s := startRegistry(t)
	var asked []string
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		asked = append(asked, r.Method)
		return registrytest.Faults["unavailable"](w, r, nil, 0)
	})
	_ = wantError(t, s.ref("one"), uncached(), source.ErrNetwork, "503 Service Unavailable; UNAVAILABLE: down for maintenance")
	if got := strings.Join(asked, " "); got != "HEAD HEAD HEAD HEAD GET" {
		t.Errorf("asked %s", got)
	}
}
