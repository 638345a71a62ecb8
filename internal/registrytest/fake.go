package registrytest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Fake is a registry on the loopback interface that serves OCI layouts, and
// one of the [Faults] when it is told to. It is safe for concurrent use.
type Fake struct {
	srv *httptest.Server

	mu      sync.Mutex
	layouts map[string]string // directories by repository
	fault   Fault
	met     map[string]int // how often a request met the fault
	log     []string
}

// NewFake starts a registry without repositories. The caller closes it.
func NewFake() *Fake {
	f := &Fake{layouts: make(map[string]string)}
	f.srv = httptest.NewUnstartedServer(f)
	f.srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.srv.Start()
	return f
}

// Close ends the registry and its connections.
func (f *Fake) Close() {
	f.srv.CloseClientConnections()
	f.srv.Close()
}

// Host returns the registry's "HOST:PORT".
func (f *Fake) Host() string { return strings.TrimPrefix(f.srv.URL, "http://") }

// Add makes the images of the OCI layout in dir a repository.
func (f *Fake) Add(repo, dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.layouts[repo] = dir
}

// Break gives the registry the fault of that name from now on; "" is none.
func (f *Fake) Break(name string) error {
	fault, ok := Faults[name]
	if !ok && name != "" {
		return fmt.Errorf("unknown fault %q", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.met = fault, make(map[string]int)
	return nil
}

// Requests returns the "METHOD PATH" of the requests since the last call.
func (f *Fake) Requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

// request matches what is asked of a repository (OCI distribution spec,
// "Endpoints").
var request = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs)/([^/]+)$`)

// ServeHTTP answers one request.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.log = append(f.log, r.Method+" "+r.URL.Path)
	m := request.FindStringSubmatch(r.URL.Path)
	var dir string
	if m != nil {
		dir = f.layouts[m[1]]
	}
	fault := f.fault
	var met int
	if fault != nil {
		met = f.met[r.URL.Path]
		f.met[r.URL.Path]++
	}
	f.mu.Unlock()

	body, mediaType, err := find(dir, m)
	if fault != nil && fault(w, r, body, met) {
		return
	}
	switch {
	case r.URL.Path == "/v2/":
		_, _ = io.WriteString(w, "{}")
	case dir == "":
		Answer(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
	case err != nil:
		Answer(w, http.StatusNotFound, strings.ToUpper(strings.TrimSuffix(m[2], "s"))+"_UNKNOWN", "unknown")
	default:
		serve(w, r, body, mediaType)
	}
}

// Answer writes an error as the OCI distribution spec has it ("Error Codes").
func Answer(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// find returns what a request of that form is about.
func find(dir string, m []string) (body []byte, mediaType string, err error) {
	if dir == "" || m == nil {
		return nil, "", os.ErrNotExist
	}
	reference := m[3]
	if m[2] == "manifests" && !strings.Contains(reference, ":") {
		if reference, err = tagged(dir, reference); err != nil {
			return nil, "", err
		}
	}
	body, err = os.ReadFile(filepath.Join(dir, "blobs/sha256", filepath.Base(strings.TrimPrefix(reference, "sha256:"))))
	if err != nil || m[2] == "blobs" {
		return body, "application/octet-stream", err
	}
	var manifest struct{ MediaType string }
	err = json.Unmarshal(body, &manifest)
	return body, manifest.MediaType, err
}

// tagged returns the digest that a tag of a layout means.
func tagged(dir, tag string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return "", err
	}
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return "", err
	}
	for _, d := range index.Manifests {
		if d.Annotations["org.opencontainers.image.ref.name"] == tag {
			return d.Digest, nil
		}
	}
	return "", os.ErrNotExist
}
