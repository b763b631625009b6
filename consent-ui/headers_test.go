package consentui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPagesAreSentWithStrictHeaders(t *testing.T) {
	t.Parallel()
	got := render(t, newPages(t), Login{Step: Step{RedirectURI: "https://app.example/cb?x=1"}}).Header()
	want := http.Header{
		"Cache-Control": {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"form-action 'self' https:; frame-ancestors 'none'; base-uri 'none'"},
		"Content-Language":       {"en"},
		"Content-Type":           {"text/html; charset=utf-8"},
		"Permissions-Policy":     {"publickey-credentials-get=(self), camera=(), geolocation=(), microphone=()"},
		"Referrer-Policy":        {"same-origin"},
		"X-Content-Type-Options": {"nosniff"},
		"X-Frame-Options":        {"DENY"},
		"X-Robots-Tag":           {"noindex"},
		"Vary":                   {"Accept-Language, Cookie"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An application that checks the origin of the form_post answer sees ours, not
// null: Fetch, "append a request Origin header".
func TestFormPostIsSentWithItsOrigin(t *testing.T) {
	t.Parallel()
	got := render(t, newPages(t), FormPost{Action: "https://app.example/cb"}).Header().Get("Referrer-Policy")
	if got != "strict-origin" {
		t.Errorf("Referrer-Policy is %q", got)
	}
}

// Content Security Policy Level 3 §6.4.2: form-action holds for the redirects too,
// and so allows the scheme; nothing of the URI can end the directive.
func TestFormsMayLeadToTheRedirectURI(t *testing.T) {
	t.Parallel()
	for redirectURI, want := range map[string]string{
		"":                                   "",
		"%":                                  "",
		"/callback":                          "",
		"https://app.example/callback":       " https:",
		"http://127.0.0.1:51004/cb":          " http: https:",
		"http://[::1]:51004/cb":              " http: https:",
		"https://a.example;script-src/cb":    " https:",
		"com.example.app:/oauth2redirect":    " com.example.app:",
		"myapp://callback":                   " myapp:",
		"https://user@app.example/callback":  " https:",
		"https://app.example'unsafe-inline'": " https:",
	} {
		if got := formTarget(redirectURI); got != want {
			t.Errorf("formTarget(%q) = %q, want %q", redirectURI, got, want)
		}
	}
}

func FuzzFormTarget(f *testing.F) {
	f.Add("https://app.example/callback")
	f.Add("a b:;c")
	f.Fuzz(func(t *testing.T, redirectURI string) {
		target := formTarget(redirectURI)
		if strings.ContainsAny(target, ";,'\"*\r\n") {
			t.Errorf("formTarget(%q) = %q", redirectURI, target)
		}
	})
}

// HTML §7.1.3: with a cross-origin opener policy the window that opened ours is
// cut off, and an application's popup could not hand over its answer.
func TestPopupsKeepTheirOpener(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, page := range []Page{Login{Step: Step{RedirectURI: "https://app.example/cb"}}, FormPost{Action: "https://app.example/cb"}} {
		if got := render(t, p, page).Header().Get("Cross-Origin-Opener-Policy"); got != "" {
			t.Errorf("%T: Cross-Origin-Opener-Policy is %q", page, got)
		}
	}
	if got := render(t, p, Home{}).Header().Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("Home: Cross-Origin-Opener-Policy is %q", got)
	}
}

// OpenID Connect Session Management §3.2: applications load it in a frame.
func TestSessionFrameMayBeFramed(t *testing.T) {
	t.Parallel()
	got := render(t, newPages(t), CheckSession{Cookie: "state"}).Header()
	want := http.Header{
		"Cache-Control": {"public, max-age=300"},
		"Content-Security-Policy": {"default-src 'none'; script-src 'self'; " +
			"form-action 'none'; frame-ancestors *; base-uri 'none'"},
		"Content-Type":           {"text/html; charset=utf-8"},
		"Referrer-Policy":        {"no-referrer"},
		"X-Content-Type-Options": {"nosniff"},
		"X-Robots-Tag":           {"noindex"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// OpenID Connect Front-Channel Logout §3: the frames' origins, and no others, are
// allowed on this page, and no frames on any other.
func TestOnlySigningOutFrames(t *testing.T) {
	t.Parallel()
	many := func(format string, n int) []string {
		uris := make([]string, n)
		for i := range uris {
			uris[i] = fmt.Sprintf(format, i)
		}
		return uris
	}
	for _, test := range []struct {
		page Page
		want string
	}{
		{Login{Step: Step{RedirectURI: "https://app.example/cb"}}, ""},
		{SigningOut{}, ""},
		{SigningOut{FrameURIs: []string{"javascript:alert(1)", "//a.example", "%"}}, ""},
		{
			SigningOut{FrameURIs: []string{"https://a.example/x?sid=1", "https://A.example/y", "https://b.example:8443/"}},
			"https://a.example https://b.example:8443",
		},
		{SigningOut{FrameURIs: []string{"http://127.0.0.1:9/x"}}, "http://127.0.0.1:9"},
		{SigningOut{FrameURIs: []string{"https://[::1]:9/x"}}, "https:"},
		{SigningOut{FrameURIs: []string{"https://a.example;script-src/x", "https://*.example"}}, "https:"},
		{SigningOut{FrameURIs: many("https://a.example/%d", 200)}, "https://a.example"},
		{SigningOut{FrameURIs: append(many("https://%d.example/", 60), "http://localhost/")}, "https: http:"},
	} {
		policy := render(t, newPages(t), test.page).Header().Get("Content-Security-Policy")
		_, rest, _ := strings.Cut(policy, "frame-src ")
		got, _, _ := strings.Cut(rest, ";")
		if got != test.want {
			t.Errorf("%.200v: frame-src %q, want %q", test.page, got, test.want)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add("https://app.example/out?iss=https%3A%2F%2Fid.example")
	f.Add("http://a b:;c")
	f.Fuzz(func(t *testing.T, uri string) {
		got := strings.TrimPrefix(frames(SigningOut{FrameURIs: []string{uri}}), "; frame-src ")
		if strings.ContainsAny(got, " ;,'\"*\r\n") {
			t.Errorf("frames(%q) = %q", uri, got)
		}
	})
}
