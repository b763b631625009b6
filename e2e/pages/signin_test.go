package pages

import (
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// Somebody signs in: with a wrong password first, and then the right one, says what
// the application may do, and is back there.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		e.Open(w.request())
		e.look("login")
		e.enter("username", somebody, "password", "a wrong password")
		e.Press("main form.fields button[type=submit]")
		e.look("login-denied")
		e.enter("password", providertest.Password)
		e.Press("main form.fields button[type=submit]")
		e.look("consent")
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")
	})
}
