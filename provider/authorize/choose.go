package authorize

import (
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// showChoose shows who is signed in in this browser, and who was, to choose from.
func (h *Handler) showChoose(w http.ResponseWriter, r *http.Request, f *flow) error {
	step, err := h.seal(w, r, f, pending{})
	if err != nil {
		return err
	}
	page := consentui.Choose{Step: step}
	for _, p := range f.people {
		page.Accounts = append(page.Accounts, consentui.Account{
			Person: account.Page(&p.User), Value: p.User.ID, SignedIn: true,
		})
	}
	for _, p := range f.signedOut {
		page.Accounts = append(page.Accounts, consentui.Account{
			Person: consentui.Person{Name: p.Name, Identifier: p.Identifier}, Value: p.UserID,
		})
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// choose serves POST /login/choose: which of the people in the browser it is.
// Whoever is not signed in any more signs in.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request, f *flow) error {
	chosen := f.form.Get("account")
	f.who, f.chosen = nil, true
	if f.pick(func(p storage.SignedIn) bool { return p.User.ID == chosen }) {
		return h.next(w, r, f)
	}
	for _, p := range f.signedOut {
		if p.UserID == chosen {
			return h.showLogin(w, r, f, p.Identifier, consentui.ProblemNone)
		}
	}
	return h.next(w, r, f)
}

// forget serves POST /login/forget: somebody is not to be listed in this browser any
// more. That they are still signed in is for signing out to change.
func (h *Handler) forget(w http.ResponseWriter, r *http.Request, f *flow) error {
	forgotten := func(p session.Person) bool { return p.UserID == f.form.Get("account") }
	if slices.ContainsFunc(f.signedOut, forgotten) {
		h.Cookies.ForgetDevice(w, r, f.form.Get("account"))
		f.signedOut = slices.DeleteFunc(f.signedOut, forgotten)
	}
	if len(f.people)+len(f.signedOut) == 0 {
		return h.showLogin(w, r, f, "", consentui.ProblemNone)
	}
	return h.showChoose(w, r, f)
}

// switchAccount serves POST /login/switch: the person wants to be somebody else.
func (h *Handler) switchAccount(w http.ResponseWriter, r *http.Request, f *flow) error {
	return h.showLogin(w, r, f, "", consentui.ProblemNone)
}

// known is what the browser is to remember of who has signed in.
func (f *flow) known() session.Person {
	return session.Person{UserID: f.who.User.ID, Identifier: f.signIn.identifier, Name: f.who.User.Claims.Name}
}

// mayChoose: there is a choice, and the request asks for the person to choose, or
// nothing says which of several they are who have signed in here before.
func (f *flow) mayChoose() bool {
	if f.chosen || f.signedIn {
		return false
	}
	if f.request.Prompts("select_account") {
		return len(f.people)+len(f.signedOut) > 0
	}
	unnamed := f.who == nil && f.hint == "" && f.request.LoginHint == "" && !f.request.Prompts("none")
	return unnamed && f.page.User == "" && len(f.signedOut) > 1
}
