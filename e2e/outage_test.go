package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// bound is how long a request may take, whatever the database does.
const bound = 6 * time.Second

// A connection to Postgres that is cut once, at any round trip of a request,
// before it reached Postgres or after it was committed, is noticed by nobody:
// the request is carried out, once.
func TestCutConnectionIsNotNoticed(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	proxy, through := newProxy(t, database)
	p := newProviderThrough(t, database, through)
	browser, params := p.client(t), providertest.AuthorizeParams(nil)
	refresh := p.Granted(t, providertest.CodeForm(p.Code(t, browser, params))).Get("refresh_token")
	for trip := range maxTrips {
		for _, answer := range []bool{false, true} {
			code := p.Code(t, browser, params)
			disarm := proxy.cut(t.Context(), trip+1, answer)
			exchanged := p.Granted(t, providertest.CodeForm(code))
			disarm()
			if !p.Works(t, exchanged) {
				t.Errorf("trip %d: the access token does not work", trip+1)
			}
			disarm = proxy.cut(t.Context(), trip+1, answer)
			refreshed := p.Granted(t, providertest.RefreshForm(refresh)).Get("refresh_token")
			disarm()
			if again := p.Granted(t, providertest.RefreshForm(refresh)).Get("refresh_token"); again != refreshed {
				t.Errorf("trip %d: a retry has another successor", trip+1)
			}
			refresh = refreshed
		}
	}
}

// cut arms a fault that cuts the connection.
func (p *proxy) cut(ctx context.Context, trip int, answer bool) (disarm func()) {
	ctx, cancel := context.WithCancel(ctx)
	reached := p.interrupt(ctx, trip, answer)
	go func() {
		select {
		case <-reached:
			cancel()
		case <-ctx.Done():
		}
	}()
	return cancel
}

// A database that takes a request and never answers: the client is told in time,
// and its retry ends with a working pair, whether the first was committed or not.
func TestSilentDatabaseIsAnOutage(t *testing.T) {
	t.Parallel()
	for _, answer := range []bool{false, true} {
		for trip := 1; trip <= 2; trip++ { // the read and the write
			t.Run("", func(t *testing.T) {
				t.Parallel()
				database := pgtest.NewDatabase(t)
				proxy, through := newProxy(t, database)
				p := newProviderThrough(t, database, through)
				form := providertest.RefreshForm(p.Tokens(t).Get("refresh_token"))
				ctx, disarm := context.WithCancel(t.Context())
				defer disarm()
				proxy.interrupt(ctx, trip, answer)
				p.unavailable(t, "/token", form)
				tokens := p.Granted(t, form)
				if !p.Works(t, tokens) {
					t.Error("the access token does not work")
				}
				p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
			})
		}
	}
}

// unavailable sends a form as the client, and checks that it is told in time to
// come again.
func (p *provider) unavailable(t *testing.T, path string, form url.Values) {
	t.Helper()
	began := time.Now()
	res := p.Post(t, p.client(t), path, form, providertest.ClientID, providertest.ClientSecret)
	providertest.Refused(t, res, http.StatusServiceUnavailable, "temporarily_unavailable")
	if took := time.Since(began); took > bound {
		t.Errorf("%s took %s to say so", path, took)
	}
}

// While Postgres is down, after a crash, everything that needs it is unavailable,
// never refused; what needs no database goes on; and everything works again by
// itself soon after Postgres does, with the same pages, sessions and tokens.
func TestPostgresOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	p := newProvider(t, server.URL("postgres"))
	stranger, browser, params := p.client(t), p.client(t), providertest.AuthorizeParams(nil)
	page := p.Authorize(t, stranger, params).Pending(t)
	login := url.Values{"request": {page}, "username": {providertest.Username}, "password": {providertest.Password}}
	tokens := p.Granted(t, providertest.CodeForm(p.Code(t, browser, params)))
	code := p.Code(t, browser, params)

	server.Kill()
	within(t, 2*time.Second, "readiness is 503", func() bool { return p.status(t, "/readyz") == http.StatusServiceUnavailable })
	if status := p.status(t, "/livez"); status != http.StatusOK {
		t.Errorf("liveness is %d", status)
	}
	p.needsNoDatabase(t)
	for _, form := range []url.Values{providertest.CodeForm(code), providertest.RefreshForm(tokens.Get("refresh_token"))} {
		p.unavailable(t, "/token", form)
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		p.unavailable(t, "/introspect", url.Values{"token": {tokens.Get(name)}})
		p.unavailable(t, "/revoke", url.Values{"token": {tokens.Get(name)}})
	}
	unavailablePage(t, p.Bearer(t, "/userinfo", tokens.Get("access_token")))
	unavailablePage(t, p.Authorize(t, browser, params))
	unavailablePage(t, p.Post(t, stranger, "/login", login))

	server.Start(t)
	within(t, 10*time.Second, "readiness is 200", func() bool { return p.status(t, "/readyz") == http.StatusOK })
	if !p.Works(t, tokens) {
		t.Error("the access token is lost")
	}
	p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
	p.Granted(t, providertest.CodeForm(p.Code(t, browser, params)))
	if _, answer := p.Authorize(t, browser, params).Redirect(t); answer.Get("code") == "" {
		t.Errorf("the session or the consent is lost: %v", answer)
	}
	if res := p.Post(t, stranger, "/login", login); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the page from before cannot be sent: status %d", res.StatusCode)
	}
}

// needsNoDatabase checks what goes on without one.
func (p *provider) needsNoDatabase(t *testing.T) {
	t.Helper()
	for _, path := range []string{
		"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/",
		"/authorize?" + providertest.AuthorizeParams(nil).Encode(),
	} {
		if res := p.Get(t, p.client(t), path); res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
}

// unavailablePage checks an answer that is not of the form of RFC 6749 §5.2.
func unavailablePage(t *testing.T, res providertest.Response) {
	t.Helper()
	path := res.Request.URL.Path
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s: status %d, Retry-After %q", path, res.StatusCode, res.Header.Get("Retry-After"))
	}
	if cookies := strings.Join(res.Header.Values("Set-Cookie"), "\n"); strings.Contains(cookies, "gatelodge-session") {
		t.Errorf("%s changes the session cookie", path)
	}
}

// status is what the ops listener says.
func (p *provider) status(t *testing.T, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.ops+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Do(t, p.client(t), r).StatusCode
}

// within asks until it is so, or the time is over.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
