package registrytest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Fault answers a request in place of the registry, or returns false. body is
// what the request is about, nil if there is no such thing; met is how often
// the same path met the fault before.
type Fault func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool

// Faults are ways in which registries fail, and lie.
var Faults = map[string]Fault{
	// Answers that are not what was asked for.
	"unauthorized":   onImage(status(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")),
	"forbidden":      onImage(status(http.StatusForbidden, "DENIED", "requested access to the resource is denied")),
	"rate-limit":     onImage(after("3600", status(http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit."))),
	"unavailable":    onImage(status(http.StatusServiceUnavailable, "UNAVAILABLE", "down for maintenance")),
	"broken":         onImage(status(http.StatusInternalServerError, "", "")),
	"gone":           onImage(status(http.StatusGone, "", "")),
	"not-acceptable": onImage(status(http.StatusNotAcceptable, "", "")),
	"hang-up":        onImage(hangUp),
	"no-registry":    status(http.StatusNotFound, "", ""),
	"web-page":       onImage(page),
	"password":       password,
	// What passes when it is asked again.
	"unavailable-once": onImage(once(status(http.StatusBadGateway, "", ""))),
	"rate-limit-once":  onImage(once(after("1", status(http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow down")))),
	"hang-up-once":     onImage(once(hangUp)),
	"layer-cut":        onLayer(cut),
	// Lies.
	"manifest-digest":        onManifest(func(body []byte) []byte { return append(bytes.Clone(body), '\n') }, ""),
	"manifest-type":          onManifest(bytes.Clone, "application/vnd.oci.image.index.v1+json"),
	"layer-digest":           onLayer(send(func(body []byte) []byte { return make([]byte, len(body)) })),
	"layer-digest-of-mirror": below("mirror/", onLayer(send(func(body []byte) []byte { return make([]byte, len(body)) }))),
	"layer-short":            onLayer(send(func(body []byte) []byte { return body[:len(body)/2] })),
	"layer-long":             onLayer(sendUnmeasured(func(body []byte) []byte { return append(bytes.Clone(body), "more"...) })),
	"layer-cut-short":        onLayer(sendUnmeasured(func(body []byte) []byte { return body[:len(body)/2] })),
	"layer-elsewhere":        onLayer(redirect("http://169.254.169.254/latest?X-Amz-Signature=canary")),
}

func serve(w http.ResponseWriter, r *http.Request, body []byte, mediaType string) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(body)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// onImage limits a fault to requests that are about an image.
func onImage(f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool {
		return r.URL.Path != "/v2/" && f(w, r, body, met)
	}
}

// onLayer limits a fault to layers, which are no JSON.
func onLayer(f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool {
		return strings.Contains(r.URL.Path, "/blobs/") && !bytes.HasPrefix(body, []byte("{")) && f(w, r, body, met)
	}
}

// below limits a fault to repositories with that prefix.
func below(prefix string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool {
		return strings.HasPrefix(r.URL.Path, "/v2/"+prefix) && f(w, r, body, met)
	}
}

func once(f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool {
		return met == 0 && f(w, r, body, met)
	}
}

// The one user of a registry with the fault "password".
const (
	User     = "canary-user"
	Password = "canary-password"
)

// password wants the credentials of the one user.
func password(w http.ResponseWriter, r *http.Request, _ []byte, _ int) bool {
	if user, pass, ok := r.BasicAuth(); ok && user == User && pass == Password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	Answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

func status(code int, spec, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte, _ int) bool {
		if spec == "" {
			w.WriteHeader(code)
			return true
		}
		Answer(w, code, spec, message)
		return true
	}
}

func after(wait string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, met int) bool {
		w.Header().Set("Retry-After", wait)
		return f(w, r, body, met)
	}
}

func page(w http.ResponseWriter, _ *http.Request, _ []byte, _ int) bool {
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprint(w, "<html>Please log in to this hotel's network.</html>")
	return true
}

func hangUp(http.ResponseWriter, *http.Request, []byte, int) bool { panic(http.ErrAbortHandler) }

// cut breaks the connection half-way, but for a request for the rest.
func cut(w http.ResponseWriter, r *http.Request, body []byte, _ int) bool {
	if r.Header.Get("Range") != "" {
		return false
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func redirect(url string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ []byte, _ int) bool {
		http.Redirect(w, r, url, http.StatusTemporaryRedirect)
		return true
	}
}

func send(change func([]byte) []byte) Fault {
	return func(w http.ResponseWriter, _ *http.Request, body []byte, _ int) bool {
		body = change(body)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
		return true
	}
}

// sendUnmeasured does not say how much it sends.
func sendUnmeasured(change func([]byte) []byte) Fault {
	return func(w http.ResponseWriter, _ *http.Request, body []byte, _ int) bool {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(change(body))
		return true
	}
}

// onManifest changes manifests, and what type they are said to be of, behind
// the back of their digests.
func onManifest(change func([]byte) []byte, mediaType string) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, _ int) bool {
		if body == nil || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		if mediaType == "" {
			mediaType = "application/vnd.oci.image.manifest.v1+json"
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(body)))
		body = change(body)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(body)
		}
		return true
	}
}
