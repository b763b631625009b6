package logo_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

const (
	pngImage  = "\x89PNG\r\n\x1a\n and so on"
	jpegImage = "\xff\xd8\xff and so on"
	gifImage  = "GIF89a and so on"
	webpImage = "RIFF\x10\x00\x00\x00WEBPVP and so on"
	svgImage  = "<?xml version=\"1.0\"?>\n<!-- a logo -->\n<!DOCTYPE svg>\n" +
		`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
)

// designer is a client's server: it answers with the body and Content-Type that
// the query asks for.
type designer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newDesigner(t *testing.T) *designer {
	t.Helper()
	d := &designer{}
	d.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.requests = append(d.requests, r)
		w.Header()["Content-Type"] = r.URL.Query()["type"]
		_, _ = w.Write([]byte(r.URL.Query().Get("body")))
	}))
	t.Cleanup(d.Close)
	return d
}

// provider returns one that may call the server.
func (d *designer) provider(t *testing.T) *providertest.Provider {
	t.Helper()
	return providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Outbound = providertest.Outbound(t, d.Server)
	}})
}

// register registers a client with the picture as its logo and returns where we
// show it.
func (d *designer) register(t *testing.T, p *providertest.Provider, id, contentType, body string) string {
	t.Helper()
	p.SaveClient(t.Context(), t, id, storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, GrantTypes: []string{"authorization_code"},
		ResponseTypes: []string{"code"}, LogoURI: d.URL + "/logo?" + url.Values{"type": {contentType}, "body": {body}}.Encode(),
	})
	return "/logo/" + url.PathEscape(id)
}

// ask asks as a browser that has cookies and says where it comes from.
func ask(t *testing.T, p *providertest.Provider, path string, header ...string) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "session=secret")
	r.Header.Set("Referer", p.URL+"/authorize?login_hint=alex")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return providertest.Do(t, p.Client(), r)
}

func TestOnlyImagesAreShown(t *testing.T) {
	t.Parallel()
	d := newDesigner(t)
	p := d.provider(t)
	for id, test := range map[string]struct {
		contentType, body string
		want              string // "" for none
	}{
		"png":                   {"image/png", pngImage, "image/png"},
		"jpeg":                  {"image/jpeg", jpegImage, "image/jpeg"},
		"jpg":                   {"image/jpg", jpegImage, "image/jpeg"},
		"gif":                   {"image/gif", gifImage, "image/gif"},
		"webp":                  {"image/webp", webpImage, "image/webp"},
		"svg":                   {"image/svg+xml; charset=utf-8", svgImage, "image/svg+xml"},
		"bare-svg":              {"image/svg+xml", "<svg/>", "image/svg+xml"},
		"https://app.example/x": {"image/png", pngImage, "image/png"},
		"50% off?#":             {"image/png", pngImage, "image/png"},
		"html":                  {"text/html", "<svg/>", ""},
		"html-as-svg":           {"image/svg+xml", "<html><svg/></html>", ""},
		"html-as-png":           {"image/png", "<html></html>", ""},
		"png-as-html":           {"text/html", pngImage, ""},
		"png-as-gif":            {"image/gif", pngImage, ""},
		"bitmap":                {"image/bmp", "BM and so on", ""},
		"undeclared":            {"", pngImage, ""},
		"no-xml":                {"image/svg+xml", "svg", ""},
		"empty":                 {"image/png", "", ""},
	} {
		res := ask(t, p, d.register(t, p, id, test.contentType, test.body))
		if test.want == "" {
			if res.StatusCode != http.StatusNotFound || len(res.Body) > 0 {
				t.Errorf("%s: status %d, %q", id, res.StatusCode, res.Body)
			}
			continue
		}
		if res.StatusCode != http.StatusOK || res.Body != test.body || res.Header.Get("Content-Type") != test.want {
			t.Errorf("%s: status %d, %q", id, res.StatusCode, res.Header)
		}
	}
}

// What a client's server sends can do nothing in our origin.
func TestLogoCanDoNothing(t *testing.T) {
	t.Parallel()
	d := newDesigner(t)
	p := d.provider(t)
	path := d.register(t, p, "svg", "image/svg+xml", svgImage)
	res := ask(t, p, path)
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; style-src 'unsafe-inline'; sandbox",
		"X-Content-Type-Options":       "nosniff",
		"Cache-Control":                "public, max-age=3600",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Set-Cookie":                   "",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if again := ask(t, p, path, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("status %d for what the browser has", again.StatusCode)
	}
}

// The client's server learns nothing of whom the page was shown to, and is asked
// once for all of them.
func TestLogoTellsNobodyWhoSignsIn(t *testing.T) {
	t.Parallel()
	d := newDesigner(t)
	p := d.provider(t)
	path := d.register(t, p, "png", "image/png", pngImage)
	for range 3 {
		ask(t, p, path)
	}
	if len(d.requests) != 1 {
		t.Fatalf("%d requests", len(d.requests))
	}
	for name := range d.requests[0].Header {
		if name != "Accept-Encoding" && name != "User-Agent" && name != "Connection" {
			t.Errorf("%s is sent", name)
		}
	}
}

func TestWithoutALogoThereIsNone(t *testing.T) {
	t.Parallel()
	d := newDesigner(t)
	p := d.provider(t)
	for _, path := range []string{
		"/logo/nobody", "/logo/", "/logo/" + providertest.ClientID, "/logo/%00", "/logo/%ff",
		"/logo/" + url.PathEscape(d.URL), "/logo/" + d.URL,
	} {
		if res := ask(t, p, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	if len(d.requests) != 0 {
		t.Errorf("%d requests", len(d.requests))
	}
	p.SaveClient(t.Context(), t, "refused", storage.ClientMetadata{LogoURI: "https://10.0.0.1/"})
	if res := ask(t, p, "/logo/refused"); res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}
