package authorize_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// Another site can neither sign a person in nor agree for them, whatever it has
// got hold of.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser, consent := consentPage(t, p)
	login := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	session := cookie(t, p, browser, sessionCookie)
	for name, h := range map[string]headers{
		"cross-site":       {"Sec-Fetch-Site": "cross-site"},
		"same-site":        {"Sec-Fetch-Site": "same-site"},
		"an older browser": {"Origin": "https://evil.example"},
		"no origin":        {"Origin": "null"},
		"another port":     {"Origin": "http://127.0.0.1:1"},
		"the client":       {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for path, form := range map[string]url.Values{
				"/login": credentials(login), "/login/switch": {"request": {login}}, "/consent": decision(consent, "allow"),
			} {
				res := p.Post(t, sending(browser, h), path, form)
				wantPage(t, res, http.StatusBadRequest, "sent by another site")
				wantHeaders(t, res, "")
			}
			if got := cookie(t, p, browser, sessionCookie); got != session {
				t.Error("the session has changed")
			}
		})
	}
}

func TestOwnFormsAreAccepted(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, h := range map[string]headers{
		"a browser of today":          {"Sec-Fetch-Site": "same-origin", "Origin": p.Config.Issuer},
		"an older browser":            {"Origin": p.Config.Issuer},
		"a proxy that changes Host":   {"Origin": p.Config.Issuer, "Host": "gatelodge.internal"},
		"a client that is no browser": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			browser := sending(providertest.Browser(t), h)
			sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "consent")))
			sealed = wantConsent(t, p.Post(t, browser, "/login", credentials(sealed)))
			wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
		})
	}
}

// wantHeaders checks the headers of a page whose form may lead to the target.
func wantHeaders(t *testing.T, res providertest.Response, target string) {
	t.Helper()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"form-action 'self'" + target + "; frame-ancestors 'none'; base-uri 'none'",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options":        "DENY",
		"Referrer-Policy":        "same-origin",
		"X-Robots-Tag":           "noindex",
	}
	if target == "" {
		want["Cross-Origin-Opener-Policy"] = "same-origin"
	}
	got := maps.Clone(want)
	for name := range want {
		got[name] = res.Header.Get(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", brief(res), diff)
	}
	if id := res.Header.Get("X-Request-Id"); id == "" || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: X-Request-Id %q, Access-Control-Allow-Origin %q", brief(res), id, res.Header.Get("Access-Control-Allow-Origin"))
	}
}

// OWASP ASVS 3.4: every page, however one comes to it, is sent with all headers.
func TestEveryPageHasItsHeaders(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.ChangeClient(t, providertest.PublicID, func(m *storage.ClientMetadata) {
		m.RedirectURIs = append(m.RedirectURIs, appURI)
	})
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	wrong := providertest.With(credentials(sealed), "password", "wrong")
	for target, pages := range map[string][]providertest.Response{
		" https:": {
			p.Authorize(t, browser, params()),
			p.Post(t, browser, "/login", wrong),
			p.Post(t, browser, "/login/switch", url.Values{"request": {sealed}}),
			p.Post(t, browser, "/login", credentials(sealed)),
		},
		" http: https:":     {p.Authorize(t, providertest.Browser(t), native())},
		" com.example.app:": {p.Authorize(t, providertest.Browser(t), native("redirect_uri", appURI))},
		"": {
			p.Authorize(t, browser, params("client_id", "unknown")),
			p.Post(t, browser, "/login", credentials("altered")),
			p.Get(t, browser, "/login"),
			p.Get(t, browser, "/"),
			p.Get(t, browser, "/no-such-page"),
		},
	} {
		for _, res := range pages {
			wantHeaders(t, res, target)
		}
	}
}

// What leads away is not kept, and tells nobody where it came from.
func TestRedirectsAreNotKept(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	for _, res := range []providertest.Response{
		p.Authorize(t, browser, params()), p.Authorize(t, browser, params("max_age", "x")), p.Post(t, browser, "/authorize", params()),
	} {
		if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" || res.Body != "" {
			t.Errorf("%s: %v %q", brief(res), res.Header, res.Body)
		}
	}
}

// OAuth 2.0 Form Post Response Mode §2.
func TestFormPostAnswer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	res := p.Authorize(t, signedIn(t, p), params("response_mode", "form_post", "state", `"><script>alert(1)</script>`))
	to, answer := answerOf(t, res, "form_post")
	want := url.Values{"code": answer["code"], "session_state": answer["session_state"], "state": {`"><script>alert(1)</script>`}, "iss": {p.Config.Issuer}}
	if diff := cmp.Diff(want, answer); diff != "" || to != providertest.RedirectURI || answer.Get("code") == "" {
		t.Errorf("to %s (-want +got):\n%s", to, diff)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https:;") ||
		res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", res.Header)
	}
	p.Granted(t, providertest.CodeForm(answer.Get("code")))
}

const attack = `'"><script>alert(1)</script><img src=x onerror=alert(1)>javascript:{{.}}` + "\u2028`${1}`"

// Nothing that a visitor, a person or a client has written becomes markup.
func TestInputIsNeverMarkup(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.ClientName, m.ClientURI, m.LogoURI, m.PolicyURI, m.TosURI = attack, attack, attack, "javascript:alert(1)", "data:text/html,"+attack
	})
	p.ChangeUser(t, func(u *storage.User) { u.Claims.Name, u.Claims.Email = attack, attack })
	var pages []providertest.Response
	for name := range params("prompt", "x", "login_hint", "x", "id_token_hint", "x", "resource", "x", "unknown", "x", "response_mode", "x") {
		for _, mode := range []string{"query", "form_post"} {
			pages = append(pages, p.Authorize(t, providertest.Browser(t), providertest.With(params("response_mode", mode), name, attack)))
		}
	}
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	for name := range credentials("") {
		pages = append(pages, p.Post(t, browser, "/login", providertest.With(credentials(sealed), name, attack)))
	}
	consent := p.Post(t, browser, "/login", credentials(sealed))
	wantConsent(t, consent)
	pages = append(pages, consent,
		p.Get(t, browser, "/"+url.PathEscape(attack)), p.Get(t, browser, "/authorize?"+attack[:2]+url.PathEscape(attack)),
		p.Post(t, browser, "/consent", decision(attack, attack)))
	for _, res := range pages {
		_, body, _ := strings.Cut(res.Body, "<body>") // the icon before it is a data: image of ours
		for _, bad := range []string{"<script>", "<img src=x", `href="javascript:`, `href="data:`, `src="'`} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q: %s", brief(res), bad, res.Body)
			}
		}
	}
}

// What a request says of the host that it is for reaches neither documents nor
// redirects.
func TestHostHeadersReachNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := sending(signedIn(t, p), headers{
		"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example",
		"X-Original-Host": "evil.example", "X-Host": "evil.example", "X-Forwarded-Proto": "https",
		"X-Forwarded-Prefix": "/evil.example", "Forwarded": "host=evil.example;proto=https",
	})
	responses := []providertest.Response{
		p.Authorize(t, browser, params()),
		p.Authorize(t, browser, params("max_age", "x")),
		p.Authorize(t, browser, params("prompt", "login")),
		p.Authorize(t, browser, params("client_id", "unknown")),
		p.Post(t, browser, "/authorize", params()),
		p.Get(t, browser, "/.well-known/openid-configuration"),
		p.Get(t, browser, "/.well-known/oauth-authorization-server"),
		p.Get(t, browser, "/"),
		p.Get(t, browser, "/no-such-page"),
	}
	wantCode(t, responses[0])
	for _, res := range responses {
		if strings.Contains(res.Body, "evil.example") || strings.Contains(res.Header.Get("Location"), "evil.example") {
			t.Errorf("%s: %v %s", brief(res), res.Header, res.Body)
		}
	}
	if _, q := responses[0].Redirect(t); q.Get("iss") != p.Config.Issuer {
		t.Errorf("iss is %q", q.Get("iss"))
	}
}
