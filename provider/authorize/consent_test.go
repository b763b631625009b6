package authorize_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// Consent is remembered for a client and the scopes that it was given for: less is
// no reason to ask, more is.
func TestConsentIsRememberedByClientAndScope(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.SaveClient(t.Context(), t, "other", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, GrantTypes: []string{"authorization_code", "refresh_token"},
	})
	browser := providertest.Browser(t)
	res := p.Authorize(t, browser, params("scope", "openid email"))
	res = p.Post(t, browser, "/login", credentials(wantLogin(t, res)))
	wantCode(t, p.Post(t, browser, "/consent", decision(wantConsent(t, res), "allow")))

	wantCode(t, p.Authorize(t, browser, params("scope", "email openid")))
	wantCode(t, p.Authorize(t, browser, params("scope", "openid")))
	for _, more := range []string{"profile", "offline_access", providertest.APIScope} {
		wantConsent(t, p.Authorize(t, browser, params("scope", "openid "+more)))
	}
	wantConsent(t, p.Authorize(t, browser, params("client_id", "other", "scope", "openid")))

	// What is allowed adds up.
	res = p.Authorize(t, browser, params("scope", "openid profile"))
	wantCode(t, p.Post(t, browser, "/consent", decision(wantConsent(t, res), "allow")))
	wantCode(t, p.Authorize(t, browser, params("scope", "openid email profile")))
}

// The page says what is new and what was allowed before.
func TestConsentPageNamesTheScopes(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	res := p.Authorize(t, browser, params("scope", "openid email phone "+providertest.APIScope))
	wantConsent(t, res)
	added, before, _ := strings.Cut(res.Body, "already allow")
	for text, part := range map[string]string{
		"Read your notes": added, "phone number": added, "email address": before,
		"Sample App": added, "app.example": res.Body, providertest.Username: added,
	} {
		if !strings.Contains(part, text) {
			t.Errorf("%q is missing or in the wrong place: %s", text, res.Body)
		}
	}
}

// RFC 6749 §4.1.2.1.
func TestDenialReachesTheClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, said := range []string{"deny", "", "ALLOW"} {
		browser := providertest.Browser(t)
		sealed := wantConsent(t, p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params())))))
		res := p.Post(t, browser, "/consent", decision(sealed, said))
		wantError(t, res, "access_denied")
		if _, q := res.Redirect(t); q.Get("state") != "a-state" || q.Get("iss") != p.Config.Issuer {
			t.Errorf("got %v", q)
		}
		// It is not held against the client.
		wantConsent(t, p.Authorize(t, browser, params()))
	}
}

// RFC 8252 §8.6: nothing tells a native app from another that has its client_id.
func TestPublicNativeClientsAreAlwaysAskedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uri   string
		asked bool
	}{
		"loopback":       {providertest.NativeURI, true},
		"private scheme": {appURI, true},
		"web":            {"https://spa.example/callback", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			p.ChangeClient(t, providertest.PublicID, func(m *storage.ClientMetadata) { m.RedirectURIs = []string{test.uri} })
			browser, asking := providertest.Browser(t), native("redirect_uri", test.uri)
			p.Code(t, browser, asking)
			res := p.Authorize(t, browser, asking)
			if asked := res.StatusCode == http.StatusOK; asked != test.asked {
				t.Errorf("asked again: %v, want %v: %s", asked, test.asked, brief(res))
			}
			res = p.Authorize(t, browser, providertest.With(asking, "prompt", "none"))
			if _, q := res.Redirect(t); (q.Get("error") == "consent_required") != test.asked {
				t.Errorf("prompt=none: got %v", q)
			}
		})
	}
}

// RFC 8252 §8.6: that a client can authenticate proves nothing of the program that
// gets its tokens in the front channel.
func TestFrontChannelOfAnAppIsAlwaysAskedFor(t *testing.T) {
	t.Parallel()
	for responseType, asked := range map[string]bool{"code": false, "id_token token": true, "code token": true} {
		p, browser := newProvider(t), providertest.Browser(t)
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
			m.RedirectURIs, m.ResponseTypes = []string{appURI}, client.ResponseTypes()
			m.GrantTypes = append(m.GrantTypes, "implicit")
		})
		asking := params("redirect_uri", appURI, "response_type", responseType)
		p.SignIn(t, browser, asking)
		_, q := p.Authorize(t, browser, providertest.With(asking, "prompt", "none")).Answer(t)
		if (q.Get("error") == "consent_required") != asked {
			t.Errorf("%s: got %v", responseType, q)
		}
	}
}

func TestSkipConsentIsForTheOperatorsOwnClients(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.SkipConsent = true })
	browser := providertest.Browser(t)
	wantCode(t, p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params())))))
	wantCode(t, p.Authorize(t, browser, params("prompt", "none")))
}

// OpenID Connect Core §3.1.2.1 and §11: what a client may not have is left out,
// from the page and from the grant.
func TestScopesThatTheClientMayNotHaveAreIgnored(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.SaveClient(t.Context(), t, "lesser", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, GrantTypes: []string{"authorization_code"},
		Scope: "openid email offline_access",
	})
	for _, test := range []struct{ client, scope, want string }{
		{providertest.ClientID, "unknown openid email openid", "openid email"},
		{providertest.ClientID, "openid offline_access", "openid offline_access"},
		{"lesser", "openid profile email", "openid email"},
		{"lesser", "openid offline_access", "openid"},
	} {
		code := p.Code(t, providertest.Browser(t), params("client_id", test.client, "scope", test.scope))
		if got := p.GrantOf(t, code).Scopes; !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s asks for %q and gets %q, want %q", test.client, test.scope, got, test.want)
		}
	}
}

// consentPage returns a browser at the consent page, and its sealed request.
func consentPage(t *testing.T, p *providertest.Provider) (*http.Client, string) {
	t.Helper()
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	return browser, wantConsent(t, p.Post(t, browser, "/login", credentials(sealed)))
}

// A page that was shown to one person says nothing of another who has signed in
// meanwhile in another tab: it is answered as the one whom it was shown to.
func TestConsentIsOfThePersonWhoSawThePage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	addBo(t, p)
	browser, shownToAlex := consentPage(t, p)
	wantConsent(t, p.Post(t, browser, "/login", asBo(wantLogin(t, p.Authorize(t, browser, params("prompt", "login"))))))

	wantError(t, p.Post(t, browser, "/consent", decision(shownToAlex, "deny")), "access_denied")
	if got := subject(t, p, p.Post(t, browser, "/consent", decision(shownToAlex, "allow"))); got != providertest.UserID {
		t.Errorf("%v has allowed it", got)
	}
	wantConsent(t, p.Authorize(t, browser, params("login_hint", "bo")))

	sealed := wantConsent(t, p.Authorize(t, browser, params("prompt", "consent", "login_hint", "alex")))
	p.ChangeUser(t, func(u *storage.User) { u.PasswordHash = "" }) // which ends Alex's session
	wantLogin(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
}

// Whoever gets more by now than the page said is asked again.
func TestConsentIsForWhatThePageShowed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "openid profile" })
	browser, sealed := consentPage(t, p)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "openid profile email" })
	sealed = wantConsent(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
	wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
}

// The sealed request of another page is no consent page's.
func TestConsentNeedsAConsentPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser, _ := consentPage(t, p)
	sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	wantLogin(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))

	stranger := providertest.Browser(t)
	sealed = wantLogin(t, p.Authorize(t, stranger, params()))
	wantLogin(t, p.Post(t, stranger, "/consent", decision(sealed, "allow")))
}

// A session that has ended while the page was open asks for a sign-in, after which
// the person is asked again.
func TestConsentWithoutASession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *providertest.Provider, *http.Client){
		"no cookie": func(t *testing.T, p *providertest.Provider, browser *http.Client) {
			t.Helper()
			setSession(t, p, browser, "")
		},
		"expired": func(_ *testing.T, p *providertest.Provider, _ *http.Client) {
			p.Clock.Advance(p.Config.Lifetimes.Session)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
				c.Lifetimes.Request = 2 * c.Lifetimes.Session
			}})
			browser, sealed := consentPage(t, p)
			end(t, p, browser)
			sealed = wantLogin(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
			sealed = wantConsent(t, p.Post(t, browser, "/login", credentials(sealed)))
			wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
		})
	}
}
