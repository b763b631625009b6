package myaccount

import (
	"errors"
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// mayChangePassword: the current password, which is asked for, is proof enough of who
// has nothing else; anybody else has to have signed in recently.
func (h *Handler) mayChangePassword(v *visit, f storage.Factors) bool {
	return h.fresh(v) && proved(v, f) || v.who.User.PasswordHash != "" && !factor.Has(f)
}

// password serves GET /account/password.
func (h *Handler) password(w http.ResponseWriter, r *http.Request, v *visit) error {
	factors, err := h.Store.FindFactors(r.Context(), v.who.User.ID)
	if err != nil {
		return oauth.Unavailable(err)
	}
	if !h.mayChangePassword(v, factors) {
		return h.door(w, v, pathPassword)
	}
	page := h.passwordPage(v)
	page.MayRemove = page.HasPassword && len(factors.Passkeys) > 0
	return h.Pages.Render(w, r, http.StatusOK, page)
}

func (h *Handler) passwordPage(v *visit) consentui.AccountPassword {
	return consentui.AccountPassword{
		Mine: v.mine(), MinPassword: h.Passwords.Least(),
		// In an outage it is not known: whoever has come this far had the field.
		HasPassword: v.who == nil || v.who.User.PasswordHash != "",
	}
}

func (h *Handler) passwordAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	return h.passwordPage(v)
}

// changePassword serves POST /account/password: the new one and, if there is one, the
// current one.
func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request, v *visit) error {
	chosen := v.form.Get("password")
	if err := h.Passwords.Check(chosen, account.About(v.who.User)...); err != nil {
		return refusal{account.PasswordProblem(err)}
	}
	write := h.write(r, v, account.PasswordChanged, "")
	if err := h.proveCurrent(r, v, &write); err != nil {
		return err
	}
	hash, err := h.Hasher.Hash(r.Context(), chosen)
	if err != nil {
		return oauth.Unavailable(err)
	}
	return h.storePassword(w, r, v, write, hash, consentui.DonePassword)
}

// proveCurrent demands the current password of who has one. It counts as any other
// attempt to sign in does.
func (h *Handler) proveCurrent(r *http.Request, v *visit, write *storage.Write) error {
	user := &v.who.User
	if user.PasswordHash == "" {
		found, err := h.Store.FindFactors(r.Context(), user.ID)
		switch {
		case err != nil:
			return oauth.Unavailable(err)
		case !h.mayChangePassword(v, found):
			return errStale
		}
		return nil
	}
	device := h.Cookies.Device(r, hint(v))
	outcome, err := h.Authenticator.Authenticate(r.Context(), account.Login{
		Identifier: hint(v), Password: v.form.Get("current"),
		Device: device.ID, DeviceUser: device.UserID, Network: h.Network(r),
	})
	switch {
	case errors.Is(err, account.ErrDenied) || err == nil && outcome.User.ID != user.ID:
		return refusal{consentui.ProblemCurrent}
	case err != nil:
		return oauth.Unavailable(err)
	case !h.mayChangePassword(v, outcome.Factors):
		return errStale
	}
	write.Succeeded, write.Verified.PasswordHash = outcome.Succeeded, outcome.User.PasswordHash
	return nil
}

// removePassword serves POST /account/password/remove, for who has a passkey.
func (h *Handler) removePassword(w http.ResponseWriter, r *http.Request, v *visit) error {
	factors, err := h.Store.FindFactors(r.Context(), v.who.User.ID)
	if err != nil {
		return oauth.Unavailable(err)
	}
	if len(factors.Passkeys) == 0 {
		return refusal{consentui.ProblemOnlyWay}
	}
	write := h.write(r, v, account.PasswordChanged, "")
	write.Verified.Passkeys = len(factors.Passkeys)
	return h.storePassword(w, r, v, write, "", consentui.DonePasswordRemoved)
}

// storePassword stores the hash, "" for none, and ends all that came of the password
// before but this session, which goes on under another token.
func (h *Handler) storePassword(
	w http.ResponseWriter, r *http.Request, v *visit, write storage.Write, hash string, done consentui.Done,
) error {
	write.Change = &storage.UserChange{UserID: v.who.User.ID, PasswordHash: &hash, KeepSession: v.who.Session.ID}
	write.Mails = h.notice(r, v, mail.PasswordChanged, asItIs)
	token := v.rotate(&write)
	if err := h.apply(r, write); err != nil {
		return err
	}
	v.renew(w, token)
	return h.back(w, r, v, pathPassword, done)
}
