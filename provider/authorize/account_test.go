package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
)

// ownPages is a request of our own pages about a person's account.
func ownPages(p *providertest.Provider, changes ...string) url.Values {
	return providertest.With(url.Values{
		"client_id": {client.AccountID}, "response_type": {"none"}, "scope": {"openid"},
		"redirect_uri": {p.URL + "/account/security"},
	}, changes...)
}

// wantAccount checks that the response leads to the page of ours, and says nothing
// more.
func wantAccount(t *testing.T, p *providertest.Provider, res providertest.Response) {
	t.Helper()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != p.URL+"/account/security" {
		t.Fatalf("not at the account page: %s", brief(res))
	}
}

func TestOwnPagesSignPeopleInAsApplicationsDo(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		page := p.Authorize(t, browser, ownPages(p))
		sealed := wantLogin(t, page)
		if !strings.Contains(page.Body, "to continue to <bdi>your account</bdi>") {
			t.Error("the page does not say what the person signs in to")
		}
		wantAccount(t, p, p.Post(t, browser, "/login", credentials(sealed)))
		wantAccount(t, p, p.Authorize(t, browser, ownPages(p)))
		// OpenID Connect Core §3.1.2.1: the sign-in is too long ago.
		p.Clock.Advance(6 * time.Minute)
		sealed = wantLogin(t, p.Authorize(t, browser, ownPages(p, "max_age", "300")))
		wantAccount(t, p, p.Post(t, browser, "/login", credentials(sealed)))
		wantAccount(t, p, p.Authorize(t, browser, ownPages(p, "max_age", "300")))
		// An application's sign-in is good for them, and theirs for an application.
		wantConsent(t, p.Authorize(t, browser, params()))
	})
}

// OAuth 2.0 Multiple Response Types §4: nothing is granted.
func TestOwnPagesAreGrantedNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	wantAccount(t, p, p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, ownPages(p))))))
	for name, params := range map[string]url.Values{
		"a code for our own client":     ownPages(p, "response_type", "code"),
		"a token for our own client":    ownPages(p, "response_type", "id_token", "nonce", "a"),
		"nothing for an application":    params("response_type", "none"),
		"our own client, with an error": ownPages(p, "prompt", "no such prompt"),
	} {
		res := p.Authorize(t, browser, params)
		if to := res.Header.Get("Location"); to != "" && !strings.Contains(to, "error=unsupported_response_type") {
			t.Errorf("%s: %s", name, brief(res))
		}
	}
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		form := url.Values{"client_id": {client.AccountID}, "client_secret": {"a"}, "grant_type": {"client_credentials"}, "token": {"a"}}
		if res := p.Post(t, p.Client(), path, form); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d, %s", path, res.StatusCode, res.Body)
		}
	}
}

func TestOwnPagesAreOnlyThoseBelowAccount(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, address := range []string{
		"https://evil.example/account", p.URL + ".evil.example/account", p.URL + "@evil.example/account",
		p.URL + "/account/../authorize", p.URL + "/account/%2e%2e/authorize", p.URL + "/account/..;/x",
		p.URL + "/account//evil.example", p.URL + "/account\\evil.example", p.URL + "/accounts", p.URL + "/",
		p.URL + "/account#fragment", p.URL + "/account?next=https://evil.example", "/account", "javascript:alert(1)",
	} {
		wantPage(t, p.Authorize(t, providertest.Browser(t), ownPages(p, "redirect_uri", address)), http.StatusBadRequest, invalidPage)
	}
}
