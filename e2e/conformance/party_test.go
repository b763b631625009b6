package conformance

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is the relying party's web server.
type server struct {
	*httptest.Server

	mu        sync.Mutex
	documents map[string]document
	received  map[string][]received
	// arrived is closed when the next request arrives.
	arrived chan struct{}
}

// document is what the server has at a path.
type document struct{ contentType, body string }

// received is a request that has come.
type received struct {
	method      string
	query, form url.Values
	contentType string
	tls         uint16
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{documents: map[string]document{}, received: map[string][]received{}, arrived: make(chan struct{})}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP notes the request. Where there is no document, there is a page.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	state := r.TLS
	if state == nil {
		state = &tls.ConnectionState{}
	}
	s.received[r.URL.Path] = append(s.received[r.URL.Path], received{
		method: r.Method, query: r.URL.Query(), form: r.PostForm,
		contentType: r.Header.Get("Content-Type"), tls: state.Version,
	})
	close(s.arrived)
	s.arrived = make(chan struct{})
	d, ok := s.documents[r.URL.Path]
	if !ok {
		d = document{"text/html; charset=utf-8", "<!doctype html><title>The application</title>"}
	}
	w.Header().Set("Content-Type", d.contentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(d.body))
}

// place is a part of the server that belongs to one run.
type place struct {
	server *server
	path   string
}

func (s *server) place() *place { return &place{server: s, path: "/" + random()} }

// url is the address of something at the place.
func (p *place) url(name string) string { return p.server.URL + p.path + "/" + name }

// owns reports whether the address is at the place.
func (p *place) owns(address *url.URL) bool {
	return address.Scheme+"://"+address.Host == p.server.URL && strings.HasPrefix(address.Path, p.path+"/")
}

// serve puts a text at the place and returns its address.
func (p *place) serve(name, contentType, body string) string {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.server.documents[p.path+"/"+name] = document{contentType, body}
	return p.url(name)
}

// serveJSON puts a document at the place and returns its address.
func (p *place) serveJSON(t testing.TB, name string, value any) string {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return p.serve(name, "application/json", string(body))
}

// received returns the requests that have come for something at the place.
func (p *place) received(name string) []received {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return append([]received(nil), p.server.received[p.path+"/"+name]...)
}

// last returns the last one, which there must be.
func (p *place) last(t testing.TB, name string) received {
	t.Helper()
	all := p.received(name)
	if len(all) == 0 {
		t.Fatalf("nobody has come to %s", name)
	}
	return all[len(all)-1]
}

// await returns the first request for something at the place, which may be on
// its way still.
func (p *place) await(t testing.TB, name string) received {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		p.server.mu.Lock()
		arrived := p.server.arrived
		p.server.mu.Unlock()
		if all := p.received(name); len(all) > 0 {
			return all[0]
		}
		select {
		case <-arrived:
		case <-timeout:
			t.Fatalf("nobody has come to %s", name)
		}
	}
}
