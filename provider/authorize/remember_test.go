package authorize_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// closeBrowser closes the browser: what it does not keep is gone.
func closeBrowser(t *testing.T, p *providertest.Provider, browser *http.Client) {
	t.Helper()
	setSession(t, p, browser, "")
}

// signInAs signs the fixture's person in, who wants to be remembered or not.
func signInAs(t *testing.T, p *providertest.Provider, browser *http.Client, remember string) {
	t.Helper()
	form := credentials(wantLogin(t, p.Authorize(t, browser, params())))
	wantConsent(t, p.Post(t, browser, "/login", providertest.With(form, "remember", remember)))
}

func TestOnlyWhoWantsToStaysSignedIn(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for _, remember := range []string{"yes", ""} {
			browser := providertest.Browser(t)
			signInAs(t, p, browser, remember)
			closeBrowser(t, p, browser)
			res := p.Authorize(t, browser, params())
			if remember == "" {
				wantLogin(t, res)
				continue
			}
			wantConsent(t, res)
			p.Clock.Advance(p.Config.Lifetimes.Session - time.Second)
			wantConsent(t, p.Authorize(t, browser, params()))
			p.Clock.Advance(time.Second)
			wantLogin(t, p.Authorize(t, browser, params()))
		}
	})
}

// The choice is made anew with every sign-in, and a wrong password does not undo it.
func TestWhoSignsInAgainChoosesAgainWhetherToStay(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	signInAs(t, p, browser, "yes")
	again := p.Authorize(t, browser, params("prompt", "login"))
	if !remembers(again) {
		t.Error("who stays signed in is asked as if they did not")
	}
	wrong := providertest.With(credentials(again.Pending(t)), "password", "wrong", "remember", "yes")
	res := p.Post(t, browser, "/login", wrong)
	if !remembers(res) {
		t.Error("the wrong password has undone the choice")
	}
	wantConsent(t, p.Post(t, browser, "/login", credentials(res.Pending(t)))) // without
	closeBrowser(t, p, browser)
	wantLogin(t, p.Authorize(t, browser, params()))
}

var ticked = regexp.MustCompile(`name="remember" value="yes" checked`)

func remembers(res providertest.Response) bool { return ticked.MatchString(res.Body) }

// The server ends a session that no browser was closed for.
func TestBrowserThatIsNeverClosedDoesNotStaySignedIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	signInAs(t, p, browser, "")
	p.Clock.Advance(p.Config.Lifetimes.BrowserSession - time.Second)
	wantConsent(t, p.Authorize(t, browser, params()))
	p.Clock.Advance(time.Second)
	wantLogin(t, p.Authorize(t, browser, params()))
}
