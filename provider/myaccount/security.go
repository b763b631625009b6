package myaccount

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// readFactors finds what the person can prove themselves with, if it is not known yet.
func (h *Handler) readFactors(r *http.Request, v *visit) error {
	if v.factors != nil {
		return nil
	}
	found, err := h.Store.FindFactors(r.Context(), v.who.User.ID)
	if err != nil {
		return oauth.Unavailable(err)
	}
	v.factors = &found
	return nil
}

func (h *Handler) owner(r *http.Request, v *visit) factor.Owner {
	return factor.Owner{
		User: &v.who.User, Factors: *v.factors, From: h.origin(r), Languages: []string{h.Pages.TextsFor(r).Lang},
	}
}

// security serves GET /account/security.
func (h *Handler) security(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, h.securityAgain(w, r, v))
}

func (h *Handler) securityAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	if v.factors == nil {
		return nil
	}
	page := consentui.AccountSecurity{
		Mine: v.mine(), HasPassword: v.who.User.PasswordHash != "", RecoveryCodes: v.factors.RecoveryCodes,
	}
	if app := v.factors.TOTP; app != nil {
		page.AppSince = app.CreatedAt
	}
	for _, p := range v.factors.Passkeys {
		page.Passkeys = append(page.Passkeys, passkeyPage(p))
	}
	if h.Factors.Passkeys() {
		options, ceremony := h.Factors.BeginNewPasskey(&v.who.User, v.factors.Passkeys)
		page.Add, page.Carried = &consentui.Passkey{Options: options}, h.carry(w, r, v, carried{Ceremony: &ceremony})
	}
	return page
}

// passkeyID is the form in which pages name a passkey.
func passkeyID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

func passkeyPage(p storage.Passkey) consentui.AccountPasskey {
	return consentui.AccountPasskey{
		ID: passkeyID(p.ID), Name: p.Name, Maker: factor.Maker(p.AAGUID), Synced: p.BackedUp,
		CreatedAt: p.CreatedAt, LastUsedAt: p.LastUsedAt,
	}
}

// findPasskey is the one of the person's passkeys that the id names.
func findPasskey(v *visit, id string) (storage.Passkey, error) {
	i := slices.IndexFunc(v.factors.Passkeys, func(p storage.Passkey) bool { return passkeyID(p.ID) == id })
	if i < 0 {
		return storage.Passkey{}, notFound()
	}
	return v.factors.Passkeys[i], nil
}

// passkey serves GET /account/security/passkey: one of them.
func (h *Handler) passkey(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	found, err := findPasskey(v, r.URL.Query().Get("passkey"))
	if err != nil {
		return err
	}
	page := consentui.AccountOnePasskey{Mine: v.mine(), Passkey: passkeyPage(found)}
	if v.form.Get("passkey") == page.Passkey.ID { // entered before
		page.Passkey.Name = v.form.Get("name")
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

func (h *Handler) passkeyAgain(_ http.ResponseWriter, _ *http.Request, v *visit) consentui.Page {
	page := consentui.AccountOnePasskey{Mine: v.mine(), Passkey: consentui.AccountPasskey{ID: v.form.Get("passkey")}}
	if v.factors != nil {
		if found, err := findPasskey(v, page.Passkey.ID); err == nil {
			page.Passkey = passkeyPage(found)
		}
	}
	page.Passkey.Name = v.form.Get("name")
	return page
}

// renamePasskey serves POST /account/security/passkey.
func (h *Handler) renamePasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	found, err := findPasskey(v, v.form.Get("passkey"))
	if err != nil {
		return err
	}
	write := h.write(r, v, "", "")
	if err := h.Factors.RenamePasskey(&write, h.owner(r, v), found.ID, v.form.Get("name")); err != nil {
		return refusal{consentui.ProblemName}
	}
	if err := h.apply(r, write); err != nil {
		return err
	}
	return h.back(w, r, v, pathSecurity, consentui.DonePasskeyRenamed)
}

// removePasskey serves POST /account/security/passkey/remove.
func (h *Handler) removePasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	found, err := findPasskey(v, v.form.Get("passkey"))
	if err != nil {
		return err
	}
	if v.who.User.PasswordHash == "" && len(v.factors.Passkeys) == 1 {
		return refusal{consentui.ProblemOnlyWay}
	}
	write := h.write(r, v, "", "")
	write.Verified.Passkeys = len(v.factors.Passkeys)
	if err := h.Factors.RemovePasskey(&write, h.owner(r, v), found.ID); err != nil {
		return h.denied(err)
	}
	return h.changeFactors(w, r, v, write, consentui.DonePasskeyRemoved, nil)
}

// denied is what a rule about factors has against a change.
func (h *Handler) denied(err error) error {
	switch {
	case errors.Is(err, factor.ErrLast):
		return refusal{consentui.ProblemRequired}
	case errors.Is(err, storage.ErrNotFound):
		return notFound()
	}
	return err
}

// addPasskey serves POST /account/security/passkeys: what the browser has made.
func (h *Handler) addPasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	begun, err := h.carriedBack(r, v)
	if err != nil || begun.Ceremony == nil {
		return refusal{consentui.ProblemPasskey}
	}
	made, spent, err := h.Factors.FinishNewPasskey(&v.who.User, v.factors.Passkeys, *begun.Ceremony, v.form.Get("answer"))
	if err != nil {
		return refusal{consentui.ProblemPasskey}
	}
	v.who.Session.AMR = factor.With(v.who.Session.AMR) // with what it proved to be added
	write := h.write(r, v, "", "")
	codes := h.Factors.AddPasskey(&write, h.owner(r, v), made, spent)
	return h.changeFactors(w, r, v, write, consentui.DonePasskeyAdded, codes)
}

// app serves GET /account/security/app: an authenticator app to add.
func (h *Handler) app(w http.ResponseWriter, r *http.Request, v *visit) error {
	return h.Pages.Render(w, r, http.StatusOK, h.appAgain(w, r, v))
}

// appAgain is the page with the same app, since the person has scanned it, or with a
// new one.
func (h *Handler) appAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	if v.who == nil {
		return nil
	}
	setup, ceremony := h.Factors.BeginTOTP(&v.who.User)
	if begun, err := h.carriedBack(r, v); err == nil && begun.Ceremony != nil {
		setup, ceremony = h.Factors.Setup(&v.who.User, *begun.Ceremony), *begun.Ceremony
	}
	return consentui.AccountApp{
		Mine: v.mine(), Carried: h.carry(w, r, v, carried{Ceremony: &ceremony}),
		App: consentui.App{Secret: setup.Secret, URI: setup.URI, QRSize: setup.QR.Size, QRPath: setup.QR.Path},
	}
}

// addApp serves POST /account/security/app: a code proves that the app has the secret.
// It replaces the app that the person may have.
func (h *Handler) addApp(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	begun, err := h.carriedBack(r, v)
	if err != nil {
		return err
	}
	if begun.Ceremony == nil {
		return refusal{consentui.ProblemCode}
	}
	added, err := h.Factors.FinishTOTP(&v.who.User, *begun.Ceremony, v.form.Get("code"))
	if err != nil {
		return refusal{consentui.ProblemCode}
	}
	v.who.Session.AMR = factor.With(v.who.Session.AMR, factor.TOTP)
	write := h.write(r, v, "", "")
	codes := h.Factors.AddTOTP(&write, h.owner(r, v), added)
	return h.changeFactors(w, r, v, write, consentui.DoneAppAdded, codes)
}

// removeApp serves POST /account/security/app/remove.
func (h *Handler) removeApp(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	if v.factors.TOTP == nil {
		return notFound()
	}
	write := h.write(r, v, "", "")
	if err := h.Factors.RemoveTOTP(&write, h.owner(r, v)); err != nil {
		return h.denied(err)
	}
	return h.changeFactors(w, r, v, write, consentui.DoneAppRemoved, nil)
}

// newCodes serves POST /account/security/codes, for who has a factor that they can
// stand in for.
func (h *Handler) newCodes(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := h.readFactors(r, v); err != nil {
		return err
	}
	if !factor.Has(*v.factors) {
		return notFound()
	}
	write := h.write(r, v, "", "")
	codes := h.Factors.NewCodes(&write, h.owner(r, v))
	return h.changeFactors(w, r, v, write, "", codes)
}

// changeFactors stores a change of factors, after which the session goes on under
// another token, and shows the recovery codes that came of it: this once.
func (h *Handler) changeFactors(
	w http.ResponseWriter, r *http.Request, v *visit, write storage.Write, done consentui.Done, codes []string,
) error {
	token := v.rotate(&write)
	if err := h.apply(r, write); err != nil {
		return err
	}
	v.renew(w, token)
	if len(codes) == 0 {
		return h.back(w, r, v, pathSecurity, done)
	}
	v.done = done
	return h.Pages.Render(w, r, http.StatusOK, consentui.AccountCodes{Mine: v.mine(), Codes: codes})
}
