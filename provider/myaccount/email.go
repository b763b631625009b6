package myaccount

import (
	"errors"
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// email serves GET /account/email.
func (h *Handler) email(w http.ResponseWriter, r *http.Request, v *visit) error {
	return h.Pages.Render(w, r, http.StatusOK, h.emailAgain(w, r, v))
}

func (h *Handler) emailAgain(_ http.ResponseWriter, _ *http.Request, v *visit) consentui.Page {
	page := consentui.AccountEmail{Mine: v.mine(), Mail: h.Links != nil, Entered: v.form.Get("email")}
	if v.who != nil {
		page.Email, page.Verified = v.who.User.Claims.Email, v.who.User.Claims.EmailVerified
	}
	return page
}

// changeEmail serves POST /account/email: another address, which has to be proved
// first.
func (h *Handler) changeEmail(w http.ResponseWriter, r *http.Request, v *visit) error {
	if h.Links == nil {
		return notFound()
	}
	draft, err := h.Links.ChangeEmail(&v.who.User, v.form.Get("email"))
	if err != nil {
		return refusal{consentui.ProblemEmail}
	}
	id, err := h.Links.Send(r.Context(), draft, h.asked(r))
	return h.wait(w, r, v, draft, id, err)
}

// verifyEmail serves POST /account/email/verify: the address that the person has.
func (h *Handler) verifyEmail(w http.ResponseWriter, r *http.Request, v *visit) error {
	if h.Links == nil || v.who.User.Claims.EmailVerified || v.who.User.Claims.Email == "" {
		return notFound()
	}
	draft := h.Links.VerifyEmail(&v.who.User)
	id, err := h.Links.Send(r.Context(), draft, h.asked(r))
	return h.wait(w, r, v, draft, id, err)
}

// mailAgain serves POST /account/email/again.
func (h *Handler) mailAgain(w http.ResponseWriter, r *http.Request, v *visit) error {
	begun, err := h.waiting(r, v)
	if err != nil {
		return err
	}
	id, err := h.Links.Again(r.Context(), *begun.Draft, h.asked(r))
	return h.wait(w, r, v, *begun.Draft, id, err)
}

func (h *Handler) asked(r *http.Request) account.Asked {
	return account.Asked{From: h.origin(r), Languages: []string{h.Pages.TextsFor(r).Lang}}
}

// waiting is what the page that waits for a mail has brought back.
func (h *Handler) waiting(r *http.Request, v *visit) (carried, error) {
	begun, err := h.carriedBack(r, v)
	if err == nil && (begun.Draft == nil || h.Links == nil) {
		err = notFound()
	}
	return begun, err
}

// wait shows the page that waits for the code in the mail. Whether the address is
// somebody else's already is for nobody to know: then it is they who are told.
func (h *Handler) wait(w http.ResponseWriter, r *http.Request, v *visit, d account.Draft, link string, err error) error {
	switch {
	case errors.Is(err, account.ErrTooMany):
		return refusal{consentui.ProblemTooMany}
	case err != nil:
		return oauth.Unavailable(err)
	}
	return h.Pages.Render(w, r, http.StatusOK, consentui.AccountEmailWait{
		Mine: v.mine(), Email: d.Entered, Carried: h.carry(w, r, v, carried{Draft: &d, Link: link}),
	})
}

// waitAgain is the page that waits, with the code that did not do gone.
func (h *Handler) waitAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	begun, err := h.carriedBack(r, v)
	if err != nil || begun.Draft == nil {
		return nil
	}
	return consentui.AccountEmailWait{Mine: v.mine(), Email: begun.Draft.Entered, Carried: h.carry(w, r, v, begun)}
}

// typeCode serves POST /account/email/code. The code proves the address; that the
// person wanted to have it was proved when it was asked for.
func (h *Handler) typeCode(w http.ResponseWriter, r *http.Request, v *visit) error {
	begun, err := h.waiting(r, v)
	if err != nil {
		return err
	}
	found, err := h.Links.Type(r.Context(), begun.Link, v.form.Get("code"))
	if err == nil && (found.User == nil || found.User.ID != v.who.User.ID || found.Purpose != begun.Draft.Purpose) {
		err = account.ErrLink
	}
	if err == nil {
		err = h.Links.CompleteEmail(r.Context(), found, h.origin(r))
	}
	switch {
	case errors.Is(err, account.ErrCode):
		return refusal{consentui.ProblemCode}
	case errors.Is(err, account.ErrLink), errors.Is(err, account.ErrTaken), errors.Is(err, storage.ErrConflict):
		return refusal{consentui.ProblemGone}
	case err != nil:
		return oauth.Unavailable(err)
	}
	return h.back(w, r, v, pathEmail, consentui.DoneEmail)
}
