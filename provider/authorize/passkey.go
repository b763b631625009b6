package authorize

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// askPasskey has a sign-in page ask for a passkey too, where there can be any.
func (h *Handler) askPasskey(f *flow, p *pending) *consentui.Passkey {
	if !h.Factors.Passkeys() {
		return nil
	}
	options, ceremony := h.Factors.BeginSignIn()
	p.Passkey = &ceremony
	return &consentui.Passkey{Options: options, Unknown: base64.RawURLEncoding.EncodeToString(f.unknown)}
}

// passkey serves POST /login/passkey: the answer of a passkey, by which alone
// somebody signs in.
func (h *Handler) passkey(w http.ResponseWriter, r *http.Request, f *flow) error {
	f.remember = f.form.Get("remember") == "yes"
	outcome, err := h.byPasskey(r, f)
	if err == nil {
		f.people = outcome.Sessions
		h.signIn(r, f, outcome)
		err = h.commit(w, r, f)
	}
	switch {
	case err == nil:
		return h.next(w, r, f)
	case refused(err):
		f.undo(nil)
		event := web.EventOf(r.Context())
		event.Note = "passkey denied"
		event.Fail(oauth.Refuse(oauth.AccessDenied, "passkey denied").Because(err))
		return h.showLogin(w, r, f, f.loginHint(), consentui.ProblemPasskey)
	case oauth.AsError(err).Status() < http.StatusInternalServerError:
		return err
	}
	f.undo(nil)
	return h.showLogin(w, r, f, f.loginHint(), problem(w, r, err))
}

// byPasskey returns whose passkey has answered the page, and with what it proves.
func (h *Handler) byPasskey(r *http.Request, f *flow) (account.Outcome, error) {
	answer, err := factor.ParseAnswer(f.form.Get("answer"))
	if err != nil {
		return account.Outcome{}, err
	}
	if f.page.Passkey == nil {
		return account.Outcome{}, factor.ErrWrong
	}
	outcome, err := h.Authenticator.Recognise(r.Context(), storage.Attempt{
		Passkey: answer.ID(), Network: h.Network(r), ConsentFor: f.client.ID, Sessions: f.browser.Sessions(),
	})
	if errors.Is(err, account.ErrDenied) && outcome.User.ID == "" {
		f.unknown = answer.ID()
		return account.Outcome{}, factor.ErrUnknown
	}
	if err != nil {
		return account.Outcome{}, err
	}
	outcome.AMR, err = h.usePasskey(r, f, outcome, answer, true)
	outcome.Identifier = firstIdentifier(&outcome.User)
	return outcome, err
}

// firstIdentifier is what somebody would sign in with who did not use any.
func firstIdentifier(u *storage.User) string {
	if email, err := account.Normalise(u.Claims.Email); err == nil && slices.Contains(u.Identifiers, email) {
		return email
	}
	if len(u.Identifiers) > 0 {
		return u.Identifiers[0]
	}
	return ""
}

// showPasskeyOffer shows whoever has just signed in with a password that there is a
// better way.
func (h *Handler) showPasskeyOffer(w http.ResponseWriter, r *http.Request, f *flow, problem consentui.Problem) error {
	options, ceremony := h.Factors.BeginNewPasskey(&f.who.User, nil)
	step, err := h.seal(w, r, f, pending{User: f.who.User.ID, Passkey: &ceremony})
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, statusOf(problem), consentui.PasskeyOffer{
		Step: step, Person: account.Page(&f.who.User), Passkey: &consentui.Passkey{Options: options}, Problem: problem,
	})
}

// newPasskey serves POST /login/passkey/new: what becomes of the offer.
func (h *Handler) newPasskey(w http.ResponseWriter, r *http.Request, f *flow) error {
	if !f.resumeSignIn(h.Now()) || !f.signedIn || f.page.Passkey == nil {
		return h.next(w, r, f)
	}
	user := &f.who.User
	var codes []string
	if answer := f.form.Get("answer"); answer != "" {
		has, err := h.Store.FindFactors(r.Context(), user.ID)
		if err != nil {
			return oauth.Unavailable(err)
		}
		if factor.Has(has) && !factor.Multi(f.who.Session.AMR) { // since the page was made
			return h.next(w, r, f)
		}
		passkey, spent, err := h.Factors.FinishNewPasskey(user, has.Passkeys, *f.page.Passkey, answer)
		if err != nil {
			web.EventOf(r.Context()).Fail(oauth.Refuse(oauth.AccessDenied, "no passkey was added").Because(err))
			return h.showPasskeyOffer(w, r, f, consentui.ProblemPasskey)
		}
		codes = h.Factors.AddPasskey(&f.write, h.owner(r, user, has), passkey, spent)
	} else if f.form.Get("decision") == "never" {
		preferences := user.Preferences
		preferences.NoPasskeyOffer = true
		f.write.Change = &storage.UserChange{UserID: user.ID, Preferences: &preferences}
	}
	switch err := h.commit(w, r, f); {
	case errors.Is(err, storage.ErrReplayed), errors.Is(err, storage.ErrConflict): // the form was sent twice
		f.write, codes = storage.Write{Now: f.write.Now}, nil
	case err != nil:
		return err
	}
	return h.showCodes(w, r, f, codes)
}
