package pages

import (
	"testing"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// Pages in a language that is written from the right, and in one whose words are long,
// are as good as the others: from the sign-in to the account.
func TestLanguages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signUpOpen)
	for language, direction := range map[string]string{"ar": "rtl", "de": "ltr"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			e := newEye(t, true)
			e.Open(w.request("ui_locales", language))
			if got := browsertest.Eval[string](e.Tab, "document.documentElement.lang + ' ' + document.documentElement.dir"); got != language+" "+direction {
				t.Errorf("the page is %q", got)
			}
			e.look("login-" + language)
			e.Press("form[action='/sign-up/start'] button")
			e.look("sign-up-" + language)
			e.Press("form[action='/login/switch'] button")
			e.signIn(w.person(t), providertest.Password)
			e.later()
			e.look("consent-" + language)
			e.Click("button[value=allow]")
			w.arrives(e, "signed in")
			e.Open(w.URL + "/account/preferences")
			e.do("document.querySelector('select[name=language]').value = '" + language + "'")
			e.Press("main form.fields button[type=submit]")
			for _, page := range []string{"", "/security", "/sessions", "/apps", "/delete"} {
				e.Open(w.URL + "/account" + page)
				e.look("account" + flat(page) + "-" + language)
			}
		})
	}
}
