package authorize

import (
	"errors"
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// showSignUp shows the page on which a person makes an account: at first, or
// again because of a problem with what was entered.
func (h *Handler) showSignUp(w http.ResponseWriter, r *http.Request, f *flow, page consentui.SignUp) error {
	step, err := h.seal(w, r, f, pending{})
	if err != nil {
		return err
	}
	page.Step, page.MinPassword = step, account.MinPassword
	return h.Pages.Render(w, r, statusOf(page.Problem), page)
}

// startSignUp serves POST /sign-up/start: who came to sign in has no account.
func (h *Handler) startSignUp(w http.ResponseWriter, r *http.Request, f *flow) error {
	return h.showSignUp(w, r, f, consentui.SignUp{})
}

// signUp serves POST /sign-up: what an account is made of. Whoever has made one
// is signed in.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request, f *flow) error {
	name, email := f.form.Get("name"), f.form.Get("email")
	outcome, err := h.Registrar.Register(r.Context(), account.SignUp{
		Name: name, Email: email, Password: f.form.Get("password"),
	}, h.Network(r))
	if err != nil {
		return h.showSignUp(w, r, f, consentui.SignUp{Name: name, Email: email, Problem: signUpProblem(w, r, err)})
	}
	h.signIn(r, f, outcome)
	web.EventOf(r.Context()).Note = "signed up"
	return h.next(w, r, f)
}

// signUpProblem notes why no account was made, and returns what the person is told.
func signUpProblem(w http.ResponseWriter, r *http.Request, err error) consentui.Problem {
	for reason, problem := range map[error]consentui.Problem{
		account.ErrName: consentui.ProblemName, account.ErrEmail: consentui.ProblemEmail,
		account.ErrPassword: consentui.ProblemPassword, account.ErrTaken: consentui.ProblemTaken,
	} {
		if errors.Is(err, reason) {
			web.EventOf(r.Context()).Fail(oauth.Refuse(oauth.AccessDenied, "no account was made").Because(err))
			return problem
		}
	}
	e := oauth.Unavailable(err)
	web.EventOf(r.Context()).Fail(e)
	web.Outage(w, e)
	return consentui.ProblemUnavailable
}
