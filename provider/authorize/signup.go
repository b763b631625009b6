package authorize

import (
	"errors"
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// showSignUp shows the page on which a person says what their account is to be: at
// first, or again because of a problem with what was entered.
func (h *Handler) showSignUp(w http.ResponseWriter, r *http.Request, f *flow, page consentui.SignUp) error {
	step, err := h.seal(w, r, f, pending{Asks: account.ToSignUp})
	if err != nil {
		return err
	}
	page.Step, page.MinPassword = step, h.Links.Passwords.Least()
	return h.Pages.Render(w, r, statusOf(page.Problem), page)
}

// startSignUp serves POST /sign-up/start: who came to sign in has no account.
func (h *Handler) startSignUp(w http.ResponseWriter, r *http.Request, f *flow) error {
	return h.showSignUp(w, r, f, consentui.SignUp{})
}

// signUp serves POST /sign-up: what an account is to be made of, which is mailed to
// its address. There is no account before the address is proved.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request, f *flow) error {
	name, email := f.form.Get("name"), f.form.Get("email")
	draft, err := h.Links.BeginSignUp(r.Context(), account.SignUp{
		Name: name, Email: email, Password: f.form.Get("password"),
	}, h.origin(r))
	if err == nil {
		err = h.mail(w, r, f, draft)
	}
	if err != nil {
		return h.showSignUp(w, r, f, consentui.SignUp{Name: name, Email: email, Problem: linkProblem(w, r, err)})
	}
	return h.showCheckMail(w, r, f, consentui.CheckMail{})
}

// linkProblem notes why what was asked for was not done, and returns what the person
// is told: what is wrong with what they entered, or that they can try again.
func linkProblem(w http.ResponseWriter, r *http.Request, err error) consentui.Problem {
	event := web.EventOf(r.Context())
	for reason, problem := range map[error]consentui.Problem{
		account.ErrName: consentui.ProblemName, account.ErrEmail: consentui.ProblemEmail,
		account.ErrPassword: account.PasswordProblem(err), account.ErrCode: consentui.ProblemCode,
		account.ErrLink: consentui.ProblemGone,
	} {
		if errors.Is(err, reason) {
			event.Fail(oauth.Refuse(oauth.AccessDenied, "nothing was done").Because(err))
			return problem
		}
	}
	e := oauth.Unavailable(err)
	event.Fail(e)
	web.Outage(w, e)
	return consentui.ProblemUnavailable
}
