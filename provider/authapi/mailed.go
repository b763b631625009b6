package authapi

import (
	"net/http"
	"slices"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/storage"
)

// send mails what the draft is about. The answer is the same whether anybody has the
// address.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, c *call, d account.Draft) error {
	id, err := h.Links.Send(r.Context(), d, account.Asked{
		From: c.from, Languages: []string{h.Language(r)}, ClientID: c.client.ID, App: c.client.Metadata.ClientName,
	})
	if err != nil {
		return problem(err)
	}
	return web.JSONStatus(w, http.StatusAccepted, map[string]string{"verification": id})
}

// mailed is what proves an address: the answer of the request that had the mail sent
// and the code in that, or the token of the link in it.
type mailed struct {
	Verification string `json:"verification"`
	Code         string `json:"code"`
	Token        string `json:"token"`
}

// find finds the link of the purpose.
func (h *Handler) find(r *http.Request, m mailed, purposes ...account.Purpose) (found account.Found, err error) {
	if m.Token != "" {
		found, err = h.Links.Find(r.Context(), m.Token)
	} else {
		found, err = h.Links.Type(r.Context(), m.Verification, m.Code)
	}
	if err != nil {
		return found, problem(err)
	}
	if !slices.Contains(purposes, found.Purpose) {
		return found, problem(account.ErrLink)
	}
	return found, nil
}

// signUp serves POST /api/auth/sign-up: nothing is made before the address is proved.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request, c *call) error {
	if !h.SignUp {
		return problem(errNotThere)
	}
	var form struct {
		Name     string `json:"name"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	draft, err := h.Links.BeginSignUp(r.Context(), account.SignUp{Name: form.Name, Email: form.Email, Password: form.Password}, c.from)
	if err != nil {
		return problem(err)
	}
	return h.send(w, r, c, draft)
}

// verifySignUp serves POST /api/auth/sign-up/verify: the account is made, and its
// owner signed in. By the token of the link, which anybody may have asked for, only
// with a password that is chosen now.
func (h *Handler) verifySignUp(w http.ResponseWriter, r *http.Request, c *call) error {
	if !h.SignUp {
		return problem(errNotThere)
	}
	var form struct {
		mailed
		Password string `json:"password"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	found, err := h.find(r, form.mailed, account.ToSignUp)
	if err != nil {
		return err
	}
	if form.Token != "" && form.Password == "" {
		return problem(account.ErrPasswordUnusable)
	}
	o, err := h.Links.CompleteSignUp(r.Context(), found, form.Password, account.Arrival{From: c.from})
	if err != nil {
		return problem(err)
	}
	return h.enter(w, r, c, o, storage.Write{}, false)
}

// forgot serves POST /api/auth/password/forgot.
func (h *Handler) forgot(w http.ResponseWriter, r *http.Request, c *call) error {
	if h.Links == nil {
		return problem(errNotThere)
	}
	var form struct {
		Identifier string `json:"identifier"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	draft, err := h.Links.Ask(r.Context(), account.ToReset, form.Identifier, c.from)
	if err != nil {
		return problem(err)
	}
	return h.send(w, r, c, draft)
}

// reset serves POST /api/auth/password/reset, for the token of the mailed link. All
// sessions end, and nobody is signed in: a second factor is not skipped by it.
func (h *Handler) reset(w http.ResponseWriter, r *http.Request, c *call) error {
	if h.Links == nil {
		return problem(errNotThere)
	}
	var form struct {
		mailed
		Password string `json:"password"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	found, err := h.find(r, form.mailed, account.ToReset)
	if err != nil {
		return err
	}
	if _, err := h.Links.ResetPassword(r.Context(), found, form.Password, account.Arrival{From: c.from}); err != nil {
		return problem(err)
	}
	h.SignedOut()
	web.EventOf(r.Context()).Note = "password reset"
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// verifyEmail serves POST /api/auth/email/verify: without anything that proves the
// address, whoever is signed in gets a mail to theirs.
func (h *Handler) verifyEmail(w http.ResponseWriter, r *http.Request, c *call) error {
	if h.Links == nil {
		return problem(errNotThere)
	}
	var form mailed
	if err := c.read(&form); err != nil {
		return err
	}
	if form == (mailed{}) {
		who, err := h.person(r)
		if err != nil {
			return err
		}
		return h.send(w, r, c, h.Links.VerifyEmail(&who.User))
	}
	found, err := h.find(r, form, account.ToVerifyEmail, account.ToChangeEmail)
	if err != nil {
		return err
	}
	if err := h.Links.CompleteEmail(r.Context(), found, c.from); err != nil {
		return problem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
