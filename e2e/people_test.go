package e2e

import (
	"testing"

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
