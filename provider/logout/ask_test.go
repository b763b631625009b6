package logout_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// post sends a form with a header.
func post(
	t *testing.T, p *providertest.Provider, browser *http.Client, path string, form url.Values, name, value string,
) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(name, value)
	return providertest.Do(t, browser, r)
}

// Nobody but the person can answer the page that asks: not another site, nor a
// page of another browser, an altered or an old one.
func TestSignOutCannotBeForged(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Lifetimes.BrowserSession = 2 * c.Lifetimes.Request
	}})
	prepare(t, p)
	browser := providertest.Browser(t)
	signIn(t, p, browser, "alex")
	sealed := wantAsked(t, endSession(t, p, browser))
	attacker := providertest.Browser(t)
	signIn(t, p, attacker, "bo")
	theirs := wantAsked(t, endSession(t, p, attacker))

	good := url.Values{"request": {sealed}, "decision": {"sign-out"}}
	for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		wantPage(t, post(t, p, browser, "/logout", good, name, value), http.StatusBadRequest, wrongPage)
	}
	for name, form := range map[string]url.Values{
		"another browser's page": providertest.With(good, "request", theirs),
		"an altered page":        providertest.With(good, "request", sealed[:len(sealed)-4]+"AAAA"),
		"no page":                providertest.With(good, "request", ""),
		"junk":                   providertest.With(good, "request", "§"),
	} {
		t.Log(name)
		wantBack(t, p.Post(t, browser, "/logout", form), p.URL+"/end_session")
	}
	for _, form := range []url.Values{providertest.With(good, "decision", ""), providertest.With(good, "decision", "x")} {
		wantPage(t, p.Post(t, browser, "/logout", form), http.StatusOK, stayPage)
	}
	wantSignedIn(t, p, browser, true)
	p.Clock.Advance(p.Config.Lifetimes.Request + time.Second)
	wantBack(t, p.Post(t, browser, "/logout", good), p.URL+"/end_session")
	wantSignedIn(t, p, browser, true)
	wantAsked(t, endSession(t, p, browser))
}

// The page is of our origin, in no frame, and kept by no cache.
func TestPagesAreNotFramed(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	signIn(t, p, browser, "alex")
	for path, title := range map[string]string{"/end_session": askPage, "/logout": outPage} {
		res := p.Get(t, browser, path)
		wantPage(t, res, http.StatusOK, title)
		if res.Header.Get("X-Frame-Options") != "DENY" || res.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
}

// OpenID Connect Session Management §3.3: the frame is anybody's, and knows the
// name of the cookie that every sign-in and sign-out changes.
func TestCheckSessionFrame(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	res := p.Get(t, browser, "/check_session")
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Frame-Options") != "" ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors *") {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if !strings.Contains(res.Body, `"gatelodge-state"`) || len(res.Cookies()) > 0 {
		t.Error("the frame does not know the cookie")
	}
	token := signIn(t, p, browser, "alex").Get("id_token")
	if cookies(t, p, browser)["gatelodge-state"] == "" {
		t.Error("no state after a sign-in")
	}
	endSession(t, p, browser, "id_token_hint", token)
	if got := cookies(t, p, browser); got["gatelodge-state"] != "" || got["gatelodge-session"] != "" {
		t.Errorf("cookies after a sign-out: %v", got)
	}
}

// A sign-out is one read and one write.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var trips storagetest.RoundTrips
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, pgtest.NewDatabase(t), &trips)})
	prepare(t, p)
	browser := providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	trips.Reset()
	res := endSession(t, p, browser)
	if n := trips.Count(); n > 2 { // the applications of the sessions are read when these are known
		t.Errorf("the page that asks takes %d round trips", n)
	}
	wantAsked(t, res)
	p.StopLogouts() // nobody waits for what it asks
	trips.Reset()
	endSession(t, p, browser, "id_token_hint", token)
	if n := trips.Count(); n > 2 {
		t.Errorf("a sign-out takes %d round trips", n)
	}
	wantSignedIn(t, p, browser, false)
	trips.Reset()
	p.Get(t, browser, "/check_session")
	p.Get(t, browser, "/logout")
	if n := trips.Count(); n > 0 {
		t.Errorf("constant pages take %d round trips", n)
	}
}

// An outage is no sign-out: the browser keeps its cookies until the session has
// ended, and signs out once the database is back.
func TestOutageEndsNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, server.URL("postgres"), nil)})
	prepare(t, p)
	browser := providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	sealed := wantAsked(t, endSession(t, p, browser))

	server.Stop()
	for name, res := range map[string]providertest.Response{
		"with a hint":            endSession(t, p, browser, "id_token_hint", token),
		"without":                endSession(t, p, browser),
		"by a program":           p.Post(t, providertest.Browser(t), "/end_session", url.Values{"id_token_hint": {token}}),
		"the person's agreement": p.Post(t, browser, "/logout", url.Values{"request": {sealed}, "decision": {"sign-out"}}),
	} {
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || len(res.Cookies()) > 0 {
			t.Errorf("%s: %s, %v", name, brief(res), res.Header)
		}
	}
	server.Start(t)
	wantSignedIn(t, p, browser, true)
	wantPage(t, p.Post(t, browser, "/logout", url.Values{"request": {sealed}, "decision": {"sign-out"}}), http.StatusOK, outPage)
	wantSignedIn(t, p, browser, false)
}

// No input makes us fail.
func TestInputNeverMakesTheEndpointsFail(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		for _, value := range []string{
			" ", "\x00", "\xff\xfe", "\u2028", "\r\n\r\n", "%", "'; DROP TABLE users; --", "{{.}}", "a.b.c", "....", "//", "://",
			"eyJhbGciOiJub25lIn0.e30.", token[:len(token)-1], strings.Repeat("a ", 3000), strings.Repeat("é", 1000),
		} {
			for _, name := range []string{"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", value} {
				for _, res := range []providertest.Response{
					endSession(t, p, browser, name, value),
					endSession(t, p, browser, "client_id", providertest.ClientID, name, value),
					p.Post(t, browser, "/end_session", url.Values{name: {value}}),
					p.Post(t, browser, "/logout", url.Values{"request": {value}, "decision": {value}, name: {value}}),
				} {
					if res.StatusCode >= http.StatusInternalServerError {
						t.Errorf("%s=%.40q: %s", name, value, brief(res))
					}
				}
			}
		}
		wantSignedIn(t, p, browser, true)
	})
}
