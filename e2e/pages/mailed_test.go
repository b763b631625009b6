package pages

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

func signUpOpen(c *config.Config) { c.Accounts.SignUp = true }

// newcomer is the address of somebody whom nobody knows.
func newcomer() string { return "new-" + strings.ToLower(rand.Text()[:8]) + "@example.com" }

// Initiating User Registration via OpenID Connect 1.0: somebody new mistypes their
// address, mends it, types the code of the mail, and is signed in at the application.
func TestSignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signUpOpen)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := newcomer()
		e.Open(w.request())
		e.Press("form[action='/sign-up/start'] button")
		e.look("sign-up")
		e.enter("name", "Nina New", "email", "wrong-"+somebody, "password", "12345678")
		e.Press("form[action='/sign-up'] button[type=submit]")
		e.look("sign-up-password")
		if e.scripts { // it is judged while it is typed
			e.Do(chromedp.SendKeys(chromedp.CSS("#password"), "nina new"))
			e.Do(chromedp.WaitVisible(chromedp.CSS(".strength")))
			e.shows("easy to guess")
			e.look("sign-up-strength")
		}
		e.enter("password", "a long password of Nina")
		e.Press("form[action='/sign-up'] button[type=submit]")
		e.shows("wrong-" + somebody)
		e.look("check-mail")
		e.Press("form[action='/link/change'] button")
		e.enter("email", somebody, "password", "a long password of Nina")
		e.Press("form[action='/sign-up'] button[type=submit]")
		e.enter("code", "AAAA-AAAA")
		e.Press("form[action='/link/code'] button")
		e.look("check-mail-code")
		w.Mail(t, somebody)
		w.Clock.Advance(time.Second) // so that it is clear which is the latest
		e.Press("form[action='/link/again'] button")
		e.look("check-mail-again")
		e.enter("code", strings.ToLower(w.Mail(t, somebody).Code))
		e.Press("form[action='/link/code'] button")
		e.shows("Nina New", somebody)
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
	})
}

// Whoever follows the link in the browser that asked for it goes on there, and who
// follows it once more is told so and has a way on.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		e.Open(w.request())
		e.enter("username", somebody)
		e.Press("button[formaction='/link/forgot']")
		if got := e.Value("#username"); got != somebody {
			t.Errorf("the address is %q", got)
		}
		e.look("forgotten")
		e.Press("form[action='/link/ask'] button")
		e.look("check-mail-reset")
		link := w.URL + providertest.Link(t, w.Mail(t, somebody))
		e.Open(link)
		e.look("new-password")
		e.enter("password", somebody+"1")
		e.Press("form[action='/link'] button[type=submit]")
		e.look("new-password-refused")
		e.enter("password", "quite another pass phrase")
		e.Press("form[action='/link'] button[type=submit]")
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
		e.Open(link)
		e.look("link-gone")
		e.Press("main a.button")
		e.Do(chromedp.WaitVisible(chromedp.CSS("#home")))
	})
}

// Somebody who likes no passwords is mailed a link.
func TestSignInByMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		e.Open(w.request())
		e.Press("button[formaction='/link/sign-in']")
		e.look("mail-link")
		e.enter("username", "no body")
		e.Press("form[action='/link/ask'] button")
		e.look("mail-link-refused")
		e.enter("username", somebody)
		e.Press("form[action='/link/ask'] button")
		e.Open(w.URL + providertest.Link(t, w.Mail(t, somebody)))
		e.look("use-link")
		e.Press("form[action='/link'] button[type=submit]")
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
	})
}

// The link in the mail works in another browser as well, with a password that its
// reader chooses there: whoever began may have been somebody else. The application
// waits in the first browser.
func TestSignUpEndsInAnotherBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signUpOpen)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := newcomer()
		e.Open(w.request("prompt", "create"))
		e.enter("name", "Nina New", "email", somebody, "password", "a long password of Nina")
		e.Press("form[action='/sign-up'] button[type=submit]")
		elsewhere := newEye(t, e.scripts)
		link := w.URL + providertest.Link(t, w.Mail(t, somebody))
		elsewhere.Open(link)
		elsewhere.look("link-sign-up")
		elsewhere.enter("password", "seven seas of a sailor boy")
		elsewhere.Press("form[action='/link'] button[type=submit]")
		elsewhere.look("signed-up-elsewhere")
		elsewhere.Open(link)
		elsewhere.look("link-used-before")
	})
}

// Who reads the mail on another device ends at their account there: a newcomer with a
// password that they choose there.
func TestMailIsReadOnAnotherDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signUpOpen)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody, device := newcomer(), newEye(t, e.scripts)
		e.Open(w.request("prompt", "create"))
		e.enter("name", "Nina New", "email", somebody, "password", "a long password of Nina")
		e.Press("form[action='/sign-up'] button[type=submit]")
		device.Open(w.URL + providertest.Link(t, w.Mail(t, somebody)))
		device.look("sign-up-elsewhere")
		device.enter("password", "quite another pass phrase")
		device.Press("form[action='/link'] button[type=submit]")
		device.At(w.URL + "/account")
		device.shows("Nina New", somebody)
	})
}
