package pages

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

const submit = "main form.fields button.button[type=submit]"

// signIn enters a password on the sign-in page, and says no to what is offered.
func (e *eye) signIn(username, password string) {
	e.Helper()
	e.enter("username", username, "password", password)
	e.Press(submit)
}

// later says no to the offer of a passkey, which only a browser with scripts gets.
func (e *eye) later() {
	e.Helper()
	if e.has("button[value=later]") {
		e.Press("button[value=later]")
	}
}

func (e *eye) has(selector string) bool {
	e.Helper()
	return browsertest.Eval[bool](e.Tab, "document.querySelector("+quoted(selector)+") !== null")
}

// Somebody signs in: with a wrong password first, and then the right one, says what
// the application may do, and is back there. Once more they only sign in again.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		e.Open(w.request())
		e.look("login")
		e.signIn(somebody, "a wrong password")
		e.look("login-denied")
		if got := e.Value("#username"); got != somebody {
			t.Errorf("the username is %q after a wrong password", got)
		}
		e.signIn(somebody, providertest.Password)
		if e.has("button[value=later]") {
			e.look("passkey-offer")
		}
		e.later()
		e.look("consent")
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
		e.Open(w.request("prompt", "login"))
		e.look("login-again")
		e.Open(w.request("prompt", "consent", "scope", "openid profile email "+providertest.APIScope))
		e.look("consent-more")
		e.Click("button[value=deny]")
		w.arrives(e, "error access_denied")
	})
}

// Several people use one browser: each is offered to choose, and who signed out can
// be forgotten.
func TestChooseAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		for range 2 {
			e.Open(w.request("prompt", "login"))
			if e.has("form[action='/login/choose']") {
				e.Press("form[action='/login/switch'] button")
			}
			e.signIn(w.person(t), providertest.Password)
			e.later()
			e.Click("button[value=allow]")
			w.arrives(e, "signed in")
		}
		e.Open(w.request("prompt", "select_account"))
		e.look("choose")
		e.Click("form[action='/login/choose'] li:nth-child(2) button")
		w.arrives(e, "signed in")
	})
}

// Signing out is asked about where nothing proves that it is wanted.
func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		e.Open(w.request())
		e.signIn(w.person(t), providertest.Password)
		e.later()
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
		e.Open(w.URL + "/end_session?" + url.Values{"client_id": {appID}}.Encode())
		e.look("sign-out")
		e.Press("button[value=stay]")
		e.look("still-signed-in")
		e.Open(w.URL + "/end_session")
		e.Press("button[value=sign-out]")
		e.look("signed-out")
	})
}

// The address of the provider, one that is not there, a request that cannot be
// trusted, and a page whose address is opened anew.
func TestPagesOfErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(_ *testing.T, e *eye) {
		for name, address := range map[string]string{
			"home":      w.URL + "/",
			"not-found": w.URL + "/nothing-here",
			"error":     w.request("redirect_uri", "https://somebody.example/else"),
			"expired":   w.URL + "/login",
			"link-gone": w.URL + "/link?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&app=" + appID,
		} {
			e.Open(address)
			e.look(name)
			if !e.has("main a") && name != "error" && name != "not-found" {
				e.Errorf("%s: there is no way on", name)
			}
		}
	})
}

// A page that was left for a day does not lead to the application any more, but says
// how to get there.
func TestPageLeftForADay(t *testing.T) {
	t.Parallel()
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		w := newWorld(t) // whose clock is moved
		somebody := w.person(t)
		e.Open(w.request())
		w.Clock.Advance(w.Config.Lifetimes.Request / 2)
		e.signIn(somebody, "a wrong password") // in time
		w.Clock.Advance(w.Config.Lifetimes.Request)
		e.signIn(somebody, providertest.Password)
		e.look("expired-after-a-day")
		e.Click("main a.button")
		e.Do(chromedp.WaitVisible(chromedp.CSS("#home")))
	})
}

// Who goes back to a page of ours and sends it again ends at the application as well:
// before the sign-in, and after it, when the page is a question already.
func TestBackButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		e.Open(w.request())
		e.signIn(somebody, "a wrong password")
		e.Back()
		e.signIn(somebody, providertest.Password)
		e.later()
		e.Back()
		if e.has("#password") {
			e.signIn(somebody, providertest.Password)
			e.later()
		}
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
	})
}

// Where the identifier comes first, the password is on a page of its own, which says
// whose it is and lets them be somebody else.
func TestIdentifierFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.Accounts.SignIn = "identifier_first" })
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		e.Open(w.request())
		e.look("identifier")
		e.enter("username", "nobody-at-all")
		e.Press(submit)
		e.look("identifier-password")
		e.Press("button[form=switch]")
		somebody := w.person(t)
		e.enter("username", somebody)
		e.Press(submit)
		if got := e.Value("#username"); got != somebody {
			t.Errorf("the second page is of %q", got)
		}
		e.enter("password", "a wrong password")
		e.Press(submit)
		e.look("identifier-denied")
		e.enter("password", providertest.Password)
		e.Press(submit)
		e.later()
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
	})
}
