package pages

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// atHome signs somebody in at their account page, with an application that they use.
func (w *world) atHome(t *testing.T, e *eye) (somebody string) {
	t.Helper()
	somebody = w.person(t)
	e.Open(w.request())
	e.signIn(somebody, providertest.Password)
	e.later()
	e.Click("button[value=allow]")
	w.arrives(e, "signed in")
	return somebody
}

// Every page of the account is there for its owner, and for each what can be done is
// done, wrongly first.
func TestAccountPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		w.atHome(t, e)
		for _, page := range []string{
			"", "/profile", "/email", "/password", "/security", "/security/app", "/sessions", "/apps", "/activity",
			"/preferences", "/data", "/delete",
		} {
			e.Open(w.URL + "/account" + page)
			e.At(w.URL + "/account" + page)
			e.look("account" + flat(page))
		}
	})
}

// flat is a path as a part of a name.
func flat(path string) string {
	name := []byte(path)
	for i, c := range name {
		if c == '/' {
			name[i] = '-'
		}
	}
	return string(name)
}

// What is entered wrongly is entered again.
func TestAccountPagesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		w.atHome(t, e)
		e.Open(w.URL + "/account/password")
		e.enter("current", "a wrong password", "password", "seven seas of a sailor boy")
		e.Press("form[action='/account/password'] button[type=submit]")
		e.look("account-password-current")
		e.enter("current", providertest.Password, "password", "password1")
		e.Press("form[action='/account/password'] button[type=submit]")
		e.look("account-password-refused")
		e.enter("current", providertest.Password, "password", "seven seas of a sailor boy")
		e.Press("form[action='/account/password'] button[type=submit]")
		e.look("account-password-changed")

		e.Open(w.URL + "/account/email")
		e.enter("email", "no address at all@")
		if e.scripts { // the browser would ask by itself
			e.do("document.querySelector('form[action=\"/account/email\"]').noValidate = true")
		} else {
			e.enter("email", "a@b@c.example")
			e.do("document.querySelector('form[action=\"/account/email\"]').noValidate = true")
		}
		e.Press("form[action='/account/email'] button[type=submit]")
		e.look("account-email-refused")
	})
}

// A new address is proved by its mail, and the old one hears of it.
func TestAccountEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		before, after := w.atHome(t, e), newcomer()
		e.Open(w.URL + "/account/email")
		e.enter("email", after)
		e.Press("form[action='/account/email'] button[type=submit]")
		e.look("account-email-wait")
		e.enter("code", w.Mail(t, after).Code)
		e.Press("form[action='/account/email/code'] button[type=submit]")
		e.shows(after)
		e.look("account-email-changed")
		if got := w.Mail(t, before); got.To == "" {
			t.Error("the old address hears nothing")
		}
	})
}

// What is changed that matters needs a fresh sign-in, which leads back to it.
func TestAccountAsksToSignInAgain(t *testing.T) {
	t.Parallel()
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		w := newWorld(t) // whose clock is moved
		somebody := w.atHome(t, e)
		w.Clock.Advance(time.Hour)
		e.Open(w.URL + "/account/security")
		e.look("account-step-up")
		e.signIn(somebody, providertest.Password)
		e.later()
		e.At(w.URL + "/account/security")
	})
}

// An account goes some time after its owner has said so, and until then they can
// change their mind.
func TestAccountDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.atHome(t, e)
		e.Open(w.URL + "/account/delete")
		e.Press("form[action='/account/delete'] button[type=submit]")
		e.look("account-deleting")
		e.Open(w.request())
		e.signIn(somebody, providertest.Password)
		e.look("account-keep")
		e.Click("button[value=keep]")
		w.arrives(e, "signed in")
	})
}
