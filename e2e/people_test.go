package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// OpenID Connect Core §3.1.2.1, prompt=select_account: two people are signed in in
// one browser, and either can be chosen.
func TestBrowserChoosesAnAccount(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	p.apply(t, `users: [{sub: user-sam, username: sam, password: another password of Sam, name: Sam Other, email: sam@example.com}]`)
	a, tab := newApp(t, p, nil), newTab(t)
	tab.Open(a.request())
	tab.signIn(providertest.Password)
	tab.Click("button[value=allow]")
	if got := a.person(tab); got != providertest.UserID {
		t.Errorf("the first is %v", got)
	}

	tab.Open(a.request("prompt", "select_account"))
	shows(t, "the choice of one", tab.Text("main"), "Alex Sample", "Use another account")
	tab.Press("form[action='/login/switch'] button")
	tab.signInAs("sam", "another password of Sam")
	tab.Click("button[value=allow]")
	if got := a.person(tab); got != "user-sam" {
		t.Errorf("the second is %v", got)
	}

	for _, name := range []string{"Alex Sample", "Sam Other", "Alex Sample"} {
		tab.Open(a.request("prompt", "select_account"))
		shows(t, "the choice of two", tab.Text("main"), "Alex Sample", "Sam Other", "Use another account")
		// Who was chosen last is first.
		tab.Click("form[action='/login/choose'] li:nth-child(2) button")
		want := providertest.UserID
		if name == "Sam Other" {
			want = "user-sam"
		}
		if got := a.person(tab); got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	tab.Open(a.request())
	if got := a.person(tab); got != providertest.UserID {
		t.Errorf("without a question it is %v", got)
	}
}

// OpenID Connect Prompt Create: somebody new makes an account on the way, and is
// signed in with it.
func TestBrowserSignsUp(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "", everything()...)
	a := newApp(t, p, nil)
	for email, begin := range map[string]func(*tab){
		"from-the-sign-in-page@example.com": func(b *tab) {
			b.Open(a.request())
			b.Press("form[action='/sign-up/start'] button")
		},
		"at-the-wish-of-the-app@example.com": func(b *tab) { b.Open(a.request("prompt", "create")) },
	} {
		t.Run(email, func(t *testing.T) {
			tab := newTab(t)
			begin(tab)
			tab.signUp("Nina New", providertest.Username, "a long password of Nina")
			shows(t, "sign-up page", tab.Text("[role=alert]"), "There is an account with that email already")
			tab.signUp("Nina New", email, "a long password of Nina")
			tab.Click("button[value=allow]")
			tokens := a.tokens(tab)
			if person := p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t); person["name"] != "Nina New" || person["email"] != email {
				t.Errorf("userinfo is %v", person)
			}
			later := newTab(t)
			later.Open(a.request())
			later.signInAs(email, "a long password of Nina")
			_, claims := providertest.JWT(t, tokens.Get("id_token"))
			if got := a.person(later); got != claims["sub"] {
				t.Errorf("later it is %v", got)
			}
		})
	}
}

func (b *tab) signUp(name, email, password string) {
	b.Helper()
	b.Do(chromedp.SetValue(chromedp.CSS("#name"), name))
	b.Do(chromedp.SetValue(chromedp.CSS("#email"), email))
	b.Do(chromedp.SetValue(chromedp.CSS("#password"), password))
	b.Press("form[action='/sign-up'] button[type=submit]")
}
