package authorize

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// errStale reports a proof that is not good any more: the person begins again.
var errStale = errors.New("what was proved first is not good any more")

// owing is somebody who has proved a part of what they have to. Its AMR is how.
type owing struct {
	account.Outcome
	at time.Time
	// session and authTime are of the session that is to be proved further, "" and
	// zero without one.
	session  string
	authTime time.Time
	// offer: see flow.
	offer bool
}

// proof is owing as a page holds it, sealed: nothing of it is stored.
type proof struct {
	User       string   `json:"u"`
	Identifier string   `json:"i,omitempty"`
	AMR        []string `json:"a"`
	// Password is the [account.PasswordDigest].
	Password []byte    `json:"p"`
	At       time.Time `json:"t"`
	Session  string    `json:"s,omitempty"`
	AuthTime time.Time `json:"st,omitzero"`
	Offer    bool      `json:"o,omitempty"`
}

func (o *owing) proof() *proof {
	return &proof{
		User: o.User.ID, Identifier: o.Identifier, AMR: o.AMR, Password: account.PasswordDigest(&o.User),
		At: o.at, Session: o.session, AuthTime: o.authTime, Offer: o.offer,
	}
}

// owed takes up what the page's person has proved so far, and counts their attempt
// at the rest, before anything of it is looked at. It fails with errStale, and with
// [account.ErrDenied]; then too f.owing is who it was.
func (h *Handler) owed(r *http.Request, f *flow) error {
	p := f.page.Proof
	if p == nil {
		return expired(f.client.ID)
	}
	device := h.Cookies.Device(r, p.Identifier)
	outcome, err := h.Authenticator.Recognise(r.Context(), storage.Attempt{
		UserID: p.User, Device: device.ID, DeviceUser: device.UserID, Network: h.Network(r),
		ConsentFor: f.client.ID, Sessions: f.browser.Sessions(),
	})
	if err != nil && !errors.Is(err, account.ErrDenied) {
		return oauth.Unavailable(err)
	}
	live := p.Session == "" || slices.ContainsFunc(outcome.Sessions, func(s storage.SignedIn) bool {
		return s.Session.ID == p.Session && s.User.ID == p.User
	})
	if !live || h.Now().Sub(p.At) > account.ProofLasts || outcome.User.ID != p.User ||
		subtle.ConstantTimeCompare(account.PasswordDigest(&outcome.User), p.Password) == 0 {
		return errStale
	}
	f.people = outcome.Sessions
	outcome.AMR, outcome.Identifier = p.AMR, p.Identifier
	f.owing = &owing{Outcome: outcome, at: p.At, session: p.Session, authTime: p.AuthTime, offer: p.Offer}
	return err
}

// refused reports whether the answer to somebody's proof is no, for whatever reason.
func refused(err error) bool {
	return slices.ContainsFunc([]error{
		factor.ErrWrong, account.ErrDenied, storage.ErrSpent, storage.ErrReplayed, storage.ErrConflict,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

// undo takes back what a step has done to the flow before it failed.
func (f *flow) undo(before *owing) {
	f.owing, f.who, f.signedIn, f.offer, f.signIn = before, nil, false, false, nil
	f.write = storage.Write{Now: f.write.Now}
}

// denied shows the page on which the rest is proved again, or the sign-in page if
// there is nothing to go on from.
func (h *Handler) denied(w http.ResponseWriter, r *http.Request, f *flow, err error) error {
	event := web.EventOf(r.Context())
	switch {
	case errors.Is(err, errStale):
		event.Fail(oauth.Refuse(oauth.AccessDenied, "sign-in denied").Because(err))
		return h.showLogin(w, r, f, f.page.Proof.Identifier, consentui.ProblemStale)
	case refused(err) && f.owing != nil:
		event.Note = "second factor denied"
		event.Fail(oauth.Refuse(oauth.AccessDenied, "second factor denied").Because(err))
		return h.showOwed(w, r, f, consentui.ProblemDenied)
	case f.owing == nil || oauth.AsError(err).Status() < http.StatusInternalServerError:
		return err
	}
	return h.showOwed(w, r, f, problem(w, r, err))
}

// factor serves POST /login/factor: a code of an authenticator app, a recovery code
// or the answer of a passkey.
func (h *Handler) factor(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := h.owed(r, f); err != nil {
		return h.denied(w, r, f, err)
	}
	before := f.owing
	amr, err := h.prove(r, f)
	if err == nil {
		outcome := before.Outcome
		outcome.AMR = factor.With(outcome.AMR, amr...)
		h.signIn(r, f, outcome)
		err = h.commit(w, r, f)
	}
	if err != nil {
		f.undo(before)
		return h.denied(w, r, f, err)
	}
	return h.next(w, r, f)
}

// prove checks what the form has of a second factor, has the write use it up, and
// returns how it was proved.
func (h *Handler) prove(r *http.Request, f *flow) ([]string, error) {
	o := f.owing
	switch {
	case f.form.Get("answer") != "":
		answer, err := factor.ParseAnswer(f.form.Get("answer"))
		if err != nil {
			return nil, err
		}
		if f.page.Passkey == nil {
			return nil, factor.ErrWrong
		}
		return h.usePasskey(r, f, o.Outcome, answer, false)
	case f.form.Get("recovery_code") != "":
		use, err := factor.CheckRecoveryCode(o.User.ID, f.form.Get("recovery_code"))
		f.write.UseRecoveryCode = use
		f.write.Activity = append(f.write.Activity,
			account.Happened(o.User.ID, account.RecoveryCodeUsed, f.client.ID, h.origin(r), f.write.Now))
		return []string{factor.Recovery}, err
	default:
		use, err := h.Factors.CheckTOTP(o.Factors.TOTP, f.form.Get("code"))
		f.write.UseTOTP = use
		return []string{factor.TOTP}, err
	}
}

// usePasskey checks the answer of one of the user's passkeys to the page.
func (h *Handler) usePasskey(r *http.Request, f *flow, o account.Outcome, a factor.Answer, signIn bool) ([]string, error) {
	proved, err := h.Factors.FinishPasskey(&o.User, o.Factors.Passkeys, *f.page.Passkey, a, signIn)
	if err != nil {
		return nil, err
	}
	f.write.UsePasskey, f.write.Assertion = proved.Use, proved.Spent
	if proved.Suspect != nil {
		web.EventOf(r.Context()).Trouble = proved.Suspect
	}
	return proved.AMR, nil
}

// stepUp asks whoever is signed in, though not well enough, for what is missing. A
// wish that they cannot fulfil is none.
func (h *Handler) stepUp(w http.ResponseWriter, r *http.Request, f *flow) error {
	has, err := h.Store.FindFactors(r.Context(), f.who.User.ID)
	if err != nil {
		return oauth.Unavailable(err)
	}
	l := level(f.who.Session.AMR)
	only := l >= f.demand.needed(l) // a wish
	switch {
	case only && (f.request.Prompts("none") || !factor.Has(has)):
		f.demand.wish = 0
		return h.next(w, r, f)
	case f.request.Prompts("none"):
		return h.refuse(w, r, f, oauth.Refuse(oauth.LoginRequired, "the person has to prove more"))
	}
	f.remember = f.who.Session.Remembered
	f.owing = &owing{
		Outcome: account.Outcome{
			User: f.who.User, AMR: f.who.Session.AMR, Factors: has, Identifier: firstIdentifier(&f.who.User),
		},
		at: h.Now(), session: f.who.Session.ID, authTime: f.who.Session.AuthTime,
	}
	return h.next(w, r, f)
}

// showOwed shows the page on which the person proves what is missing: with what they
// have or, if they have nothing that would do, with what they add there.
func (h *Handler) showOwed(w http.ResponseWriter, r *http.Request, f *flow, problem consentui.Problem) error {
	o := f.owing
	l := level(o.AMR)
	resistant := f.demand.needed(l) >= claims.Level(claims.ACRPhishingResistant)
	page := consentui.Factor{
		Person: account.Page(&o.User), Problem: problem, Recovering: f.form.Get("recovery_code") != "",
	}
	pending := pending{Proof: o.proof()}
	if len(o.Factors.Passkeys) > 0 && h.Factors.Passkeys() && !factor.Keyed(o.AMR) {
		options, ceremony := h.Factors.BeginPasskey(&o.User, o.Factors.Passkeys, false)
		page.Passkey, pending.Passkey = &consentui.Passkey{Options: options}, &ceremony
	}
	if !factor.Multi(o.AMR) && (!resistant || page.Passkey == nil) {
		page.App, page.Recovery = o.Factors.TOTP != nil, o.Factors.RecoveryCodes > 0
	}
	if page.Passkey == nil && !page.App && !page.Recovery {
		return h.showEnrol(w, r, f, resistant, problem)
	}
	var err error
	if page.Step, err = h.seal(w, r, f, pending); err != nil {
		return err
	}
	return h.Pages.Render(w, r, statusOf(problem), page)
}
