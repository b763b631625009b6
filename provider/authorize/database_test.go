package authorize_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// Latency is round trips: the front channel keeps its budget.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var trips storagetest.RoundTrips
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, pgtest.NewDatabase(t), &trips)})
	browser, stranger := signedIn(t, p), providertest.Browser(t)
	const cold = time.Minute // after which neither clients nor the catalogue are remembered
	within := func(what string, budget int, request func()) {
		t.Helper()
		trips.Reset()
		request()
		if n := trips.Count(); n > budget {
			t.Errorf("%s takes %d round trips, the budget is %d", what, n, budget)
		}
	}

	within("authorize with a live session and remembered consent", 2, func() { wantCode(t, p.Authorize(t, browser, params())) })
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.ResponseTypes = append(m.ResponseTypes, "code id_token token")
		m.GrantTypes = append(m.GrantTypes, "implicit")
		m.SubjectType, m.BackchannelLogoutURI = "pairwise", "https://app.example/logout"
	})
	wantCode(t, p.Authorize(t, browser, params()))
	within("a hybrid response to a pairwise client that asks for claims", 2, func() {
		res := p.Authorize(t, browser, params("response_type", "code id_token token", "claims", `{"id_token":{"email":null}}`))
		if _, answer := res.Answer(t); answer.Get("id_token") == "" {
			t.Errorf("no ID token: %v", answer)
		}
	})
	within("a refusal", 1, func() { wantError(t, p.Authorize(t, browser, params("max_age", "x")), "invalid_request") })
	var sealed string
	within("the sign-in page", 0, func() { sealed = wantLogin(t, p.Authorize(t, stranger, params())) })
	within("a request by POST", 0, func() { p.Post(t, stranger, "/authorize", params()) })
	within("a page that has expired", 0, func() { p.Post(t, stranger, "/login", credentials("")) })
	within("a sign-in with consent remembered", 3, func() { wantCode(t, p.Post(t, stranger, "/login", credentials(sealed))) })
	within("a denial", 1, func() {
		wantDenied(t, p.Post(t, stranger, "/login", providertest.With(credentials(sealed), "password", "wrong")))
	})
	within("a sign-in up to the consent page", 3, func() {
		sealed = wantConsent(t, p.Post(t, stranger, "/login", credentials(
			wantLogin(t, p.Authorize(t, stranger, params("prompt", "login consent"))))))
	})
	within("consent", 2, func() { wantCode(t, p.Post(t, stranger, "/consent", decision(sealed, "allow"))) })

	p.Clock.Advance(cold)
	within("authorize after a while", 2, func() { wantCode(t, p.Authorize(t, browser, params())) })
	p.Clock.Advance(cold)
	within("the sign-in page after a while", 1, func() { sealed = wantLogin(t, p.Authorize(t, stranger, params("prompt", "login"))) })
	p.Clock.Advance(cold)
	within("a sign-in after a while", 3, func() { wantCode(t, p.Post(t, stranger, "/login", credentials(sealed))) })

	foreign, err := bcrypt.GenerateFromPassword([]byte(providertest.Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p.ChangeUser(t, func(u *storage.User) { u.PasswordHash = string(foreign) })
	within("a sign-in that upgrades the password's hash", 3, func() { wantCode(t, p.Post(t, stranger, "/login", credentials(sealed))) })
}

// An outage is no refusal: who is in the middle of something goes on from the page
// that they have, once the database is back, and stays signed in.
func TestOutageLosesNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, server.URL("postgres"), nil)})
	browser := signedIn(t, p)
	session := cookie(t, p, browser, sessionCookie)
	newcomer := providertest.Browser(t)
	login := wantLogin(t, p.Authorize(t, newcomer, params()))
	consent := wantConsent(t, p.Authorize(t, browser, params("prompt", "consent")))
	p.Clock.Advance(time.Minute) // nothing that is remembered is fresh

	server.Stop()
	unavailable := func(res providertest.Response, text string) providertest.Response {
		t.Helper()
		wantPage(t, res, http.StatusServiceUnavailable, text)
		if res.Header.Get("Retry-After") == "" || len(res.Cookies()) > 0 || strings.Contains(res.Body, denied) {
			t.Errorf("%s: %v", brief(res), res.Header)
		}
		return res
	}
	// The sign-in page needs no database, if the client has been seen before.
	wantLogin(t, p.Authorize(t, newcomer, params()))
	unavailable(p.Authorize(t, newcomer, params("client_id", "never-seen")), faultPage)
	unavailable(p.Authorize(t, browser, params()), faultPage)
	unavailable(p.Authorize(t, browser, params("prompt", "none")), faultPage)
	unavailable(p.Post(t, browser, "/consent", decision(consent, "allow")), faultPage)
	unavailable(p.Post(t, browser, "/consent", decision(consent, "deny")), faultPage)
	again := unavailable(p.Post(t, newcomer, "/login", credentials(login)), "try again").Pending(t)
	unavailable(p.Post(t, newcomer, "/login", providertest.With(credentials(login), "password", "wrong")), "try again")

	server.Start(t)
	if got := cookie(t, p, browser, sessionCookie); got != session {
		t.Error("the outage has signed the person out")
	}
	wantCode(t, p.Post(t, browser, "/consent", decision(consent, "allow")))
	wantCode(t, p.Authorize(t, browser, params()))
	for _, sealed := range []string{again, login} {
		wantCode(t, p.Post(t, newcomer, "/login", credentials(sealed)))
	}
}

// A client that is deleted while it is remembered is gone, and no outage.
func TestDeletedClientIsGone(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser, sealed := consentPage(t, p)
		if err := p.Store.DeleteClient(t.Context(), providertest.ClientID); err != nil {
			t.Fatal(err)
		}
		wantPage(t, p.Post(t, browser, "/consent", decision(sealed, "allow")), http.StatusBadRequest, "no longer there")
		p.Clock.Advance(client.Freshness)
		wantPage(t, p.Authorize(t, browser, params()), http.StatusBadRequest, "not registered")
	})
}

// odd are values that parsers, databases and pages have stumbled over.
func odd() []string {
	return []string{
		"", " ", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\u2028", "\U0010ffff", "\ufeff", "\r\n\r\n", "%", "%00", "%zz",
		"'; DROP TABLE users; --", "{{.}}", "../../etc/passwd", "http://[::1", "http://127.0.0.1:99999/callback", "//", "://", "#",
		"-1", "0", "1e9", "99999999999999999999", "9223372036854775808", "NaN", "null", "[]", "{}", "eyJhbGciOiJub25lIn0.e30.",
		"a.b.c", "....", strings.Repeat("a ", 3000), strings.Repeat("\x01", 2000), strings.Repeat("é", 1000),
	}
}

// No input makes us fail: neither odd values of the parameters, nor odd requests.
func TestInputNeverMakesTheFrontChannelFail(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		for _, value := range odd() {
			for what, res := range answersTo(t, p, browser, value) {
				if res.StatusCode >= http.StatusInternalServerError {
					t.Errorf("%s %.40q: %s", what, value, brief(res))
				}
			}
		}
		many := params()
		for i := range 1000 {
			many.Set(fmt.Sprint(i), "")
		}
		for what, res := range map[string]providertest.Response{
			"many parameters": p.Authorize(t, browser, many),
			"a huge request":  p.Authorize(t, browser, params("state", strings.Repeat("s", 500_000))),
			"a huge cookie":   p.Authorize(t, sending(browser, headers{"Cookie": "x=" + strings.Repeat("s", 500_000)}), params()),
			"many cookies":    p.Authorize(t, sending(browser, headers{"Cookie": strings.Repeat("gatelodge-browser-x=y; ", 2000)}), params()),
		} {
			if res.StatusCode >= http.StatusInternalServerError {
				t.Errorf("%s: %s", what, brief(res))
			}
		}
	})
}

// answersTo are the answers to the value in every place where one can be.
func answersTo(t *testing.T, p *providertest.Provider, browser *http.Client, value string) map[string]providertest.Response {
	t.Helper()
	answers := map[string]providertest.Response{}
	for name := range params("prompt", "x", "login_hint", "x", "id_token_hint", "x", "resource", "x", "response_mode", "x", "max_age", "x") {
		changed := params()
		changed[name] = []string{value}
		answers[name] = p.Authorize(t, browser, changed)
	}
	form := url.Values{"request": {value}, "username": {value}, "password": {value}, "decision": {value}}
	for _, path := range []string{"/login", "/login/switch", "/consent", "/authorize"} {
		answers[path] = p.Post(t, browser, path, form)
	}
	raw := strings.Map(visible, value)
	answers["query"] = p.Get(t, browser, "/authorize?"+raw)
	answers["unknown parameter"] = p.Authorize(t, browser, providertest.With(params(), value, value))
	answers["loopback redirect_uri"] = p.Authorize(t, browser, native("redirect_uri", "http://127.0.0.1:"+value))
	answers["username"] = attempt(t, p, browser, value, providertest.Password)
	answers["cookies"] = p.Authorize(t, sending(providertest.Browser(t), headers{
		"Cookie": sessionCookie + "=" + raw + "; " + deviceCookie + "=" + raw + "; gatelodge-browser-x=" + raw,
	}), params())
	return answers
}

// visible keeps what a client of net/http lets one send.
func visible(r rune) rune {
	if r <= ' ' || r > '~' {
		return -1
	}
	return r
}

// FuzzAuthorize looks for requests that make us fail, or send the browser anywhere
// but to the client.
func FuzzAuthorize(f *testing.F) {
	p := providertest.New(f, providertest.Options{})
	f.Add(params().Encode())
	f.Add(native("redirect_uri", "http://127.0.0.1:1/callback", "prompt", "none").Encode())
	f.Add("client_id=web&client_id=web")
	f.Add("client_id=web&redirect_uri=https://app.example@evil.example/callback&response_mode=fragment")
	f.Add("%zz;&=&&\x00\xff#?")
	browser := providertest.Browser(f)
	f.Fuzz(func(t *testing.T, query string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/authorize", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = strings.Map(visible, query)
		res := providertest.Do(t, browser, r)
		if res.StatusCode >= http.StatusInternalServerError {
			t.Errorf("status %d", res.StatusCode)
		}
		to := res.Header.Get("Location")
		if to != "" && !strings.HasPrefix(to, providertest.RedirectURI) && !strings.HasPrefix(to, "http://127.0.0.1") {
			t.Errorf("sent to %q", to)
		}
	})
}
