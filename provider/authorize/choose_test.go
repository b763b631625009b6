package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// stays signs a person in who wants to stay, and out again if so.
func stays(t *testing.T, p *providertest.Provider, browser *http.Client, name string, out bool) {
	t.Helper()
	res := p.Authorize(t, browser, params("prompt", "login"))
	form := providertest.With(credentials(wantLogin(t, res)), "username", name, "remember", "yes")
	if res := p.Post(t, browser, "/login", form); res.StatusCode >= 400 {
		t.Fatalf("%s is not signed in: %s", name, brief(res))
	}
	if out {
		page := p.Get(t, browser, "/end_session?logout_hint="+url.QueryEscape(name))
		p.Post(t, browser, "/logout", decision(page.Pending(t), "sign-out"))
	}
}

// wantChooser checks that this is the page with these people on it.
func wantChooser(t *testing.T, res providertest.Response, signedIn, signedOut int) string {
	t.Helper()
	in, out := strings.Count(res.Body, ">Signed in<"), strings.Count(res.Body, ">Signed out<")
	if !strings.Contains(res.Body, "Choose an account") || in != signedIn || out != signedOut {
		t.Fatalf("%d signed in and %d signed out, want %d and %d: %s", in, out, signedIn, signedOut, brief(res))
	}
	return res.Pending(t)
}

func choice(sealed, account string) url.Values {
	return url.Values{"request": {sealed}, "account": {account}}
}

func TestChooserListsWhoIsSignedInAndWhoWas(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	addBo(t, p)
	stays(t, p, browser, "bo", true)
	stays(t, p, browser, "alex", false)
	sealed := wantChooser(t, p.Authorize(t, browser, params("prompt", "select_account")), 1, 1)
	wantConsent(t, p.Post(t, browser, "/login/choose", choice(sealed, providertest.UserID)))
	res := p.Post(t, browser, "/login/choose", choice(sealed, "bo"))
	if wantLogin(t, res); !strings.Contains(res.Body, `value="bo"`) {
		t.Error("who was chosen has to say again who they are")
	}
	wantConsent(t, p.Post(t, browser, "/login", providertest.With(credentials(res.Pending(t)), "username", "bo")))
	wantLogin(t, p.Post(t, browser, "/login/choose", choice(sealed, "somebody else")))
}

func TestChooserIsShownWhenNothingSaysWho(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	addBo(t, p)
	stays(t, p, browser, "alex", true)
	if res := p.Authorize(t, browser, params()); !strings.Contains(res.Body, `value="alex"`) {
		t.Errorf("the only one who was here is not named: %s", brief(res))
	}
	stays(t, p, browser, "bo", true)
	wantChooser(t, p.Authorize(t, browser, params()), 0, 2)
	wantLogin(t, p.Authorize(t, browser, params("login_hint", "cy@example.com")))
	wantError(t, p.Authorize(t, browser, params("prompt", "none")), "login_required")
}

// Who does not want to stay signed in leaves no name on the device.
func TestChooserListsNobodyWhoDidNotWantToStay(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	addBo(t, p)
	for _, name := range []string{"alex", "bo"} {
		form := providertest.With(credentials(wantLogin(t, p.Authorize(t, browser, params()))), "username", name)
		wantConsent(t, p.Post(t, browser, "/login", form))
		closeBrowser(t, p, browser)
	}
	for _, changes := range [][]string{{}, {"prompt", "select_account"}} {
		res := p.Authorize(t, browser, params(changes...))
		if wantLogin(t, res); strings.Contains(res.Body, `value="bo"`) || strings.Contains(res.Body, `value="alex"`) {
			t.Error("the page tells who was here")
		}
	}
}

func TestAccountsCanBeForgotten(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	addBo(t, p)
	stays(t, p, browser, "alex", true)
	stays(t, p, browser, "bo", true)
	sealed := wantChooser(t, p.Authorize(t, browser, params()), 0, 2)
	sealed = wantChooser(t, p.Post(t, browser, "/login/forget", choice(sealed, "somebody else")), 0, 2)
	sealed = wantChooser(t, p.Post(t, browser, "/login/forget", choice(sealed, "bo")), 0, 1)
	sealed = wantLogin(t, p.Post(t, browser, "/login/forget", choice(sealed, providertest.UserID)))
	wantLogin(t, p.Authorize(t, browser, params("prompt", "select_account")))
	if got := cookie(t, p, browser, deviceCookie); got != "" {
		t.Error("the device is still known")
	}
	wantConsent(t, p.Post(t, browser, "/login", credentials(sealed)))
}

// To forget is for who was here: whoever is signed in is signed out elsewhere, and
// nothing another browser knows is touched.
func TestSignedInAccountsAreNotForgotten(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	stays(t, p, browser, "alex", false)
	sealed := wantChooser(t, p.Authorize(t, browser, params("prompt", "select_account")), 1, 0)
	before := cookie(t, p, browser, deviceCookie)
	wantChooser(t, p.Post(t, browser, "/login/forget", choice(sealed, providertest.UserID)), 1, 0)
	if cookie(t, p, browser, deviceCookie) != before {
		t.Error("the device has changed")
	}
}
