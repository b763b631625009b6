package authorize

import (
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// showEnrol shows the page on which somebody adds the second factor that is demanded
// of them. The authenticator app stays the same when the page is shown again, since
// they have scanned it.
func (h *Handler) showEnrol(w http.ResponseWriter, r *http.Request, f *flow, resistant bool, problem consentui.Problem) error {
	o := f.owing
	page := consentui.Enrol{Person: account.Page(&o.User), Problem: problem}
	pending := pending{Proof: o.proof()}
	if h.Factors.Passkeys() {
		options, ceremony := h.Factors.BeginNewPasskey(&o.User, o.Factors.Passkeys)
		page.Passkey, pending.Passkey = &consentui.Passkey{Options: options}, &ceremony
	}
	if !resistant {
		setup, ceremony := h.Factors.BeginTOTP(&o.User)
		if before := f.page.App; before != nil && before.User == o.User.ID {
			setup, ceremony = h.Factors.Setup(&o.User, *before), *before
		}
		page.App, pending.App = appPage(setup), &ceremony
	}
	if page.Passkey == nil && page.App == nil {
		return h.refuse(w, r, f, oauth.Refuse(oauth.UnmetAuthenticationRequirements, "nobody can have a passkey here"))
	}
	var err error
	if page.Step, err = h.seal(w, r, f, pending); err != nil {
		return err
	}
	return h.Pages.Render(w, r, statusOf(problem), page)
}

func appPage(s factor.Setup) *consentui.App {
	return &consentui.App{Secret: s.Secret, URI: s.URI, QRSize: s.QR.Size, QRPath: s.QR.Path}
}

// enrol serves POST /login/factor/new: the factor that somebody adds because it is
// demanded of them. An authenticator app is proved by its code; a passkey is to be
// used once it is there.
func (h *Handler) enrol(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := h.owed(r, f); err != nil {
		return h.denied(w, r, f, err)
	}
	before := f.owing
	if before.skips() { // since the page was made
		return h.next(w, r, f)
	}
	codes, err := h.add(r, f)
	if err == nil {
		err = h.commit(w, r, f)
	}
	if err != nil {
		f.undo(before)
		return h.denied(w, r, f, err)
	}
	return h.showCodes(w, r, f, codes)
}

// skips: a factor would be added by who has not proved one that the person has, and
// could then leave that out.
func (o *owing) skips() bool { return factor.Has(o.Factors) && !factor.Multi(o.AMR) }

// add has the write add the factor that the form is about, and returns the recovery
// codes that come with it.
func (h *Handler) add(r *http.Request, f *flow) ([]string, error) {
	o := *f.owing
	f.owing = &o
	owner := h.owner(r, &o.User, o.Factors)
	switch answer := f.form.Get("answer"); {
	case answer != "" && f.page.Passkey != nil:
		passkey, spent, err := h.Factors.FinishNewPasskey(&o.User, o.Factors.Passkeys, *f.page.Passkey, answer)
		if err != nil {
			return nil, err
		}
		codes := h.Factors.AddPasskey(&f.write, owner, passkey, spent)
		o.Factors.Passkeys = append(o.Factors.Passkeys, *passkey)
		return codes, nil
	case f.page.App != nil && o.Factors.TOTP == nil:
		app, err := h.Factors.FinishTOTP(&o.User, *f.page.App, f.form.Get("code"))
		if err != nil {
			return nil, err
		}
		codes := h.Factors.AddTOTP(&f.write, owner, app)
		outcome := o.Outcome
		outcome.Factors.TOTP, outcome.AMR = app, factor.With(o.AMR, factor.TOTP)
		h.signIn(r, f, outcome)
		return codes, nil
	}
	return nil, factor.ErrWrong
}

func (h *Handler) owner(r *http.Request, u *storage.User, has storage.Factors) factor.Owner {
	return factor.Owner{User: u, Factors: has, From: h.origin(r), Languages: []string{h.Pages.TextsFor(r).Lang}}
}

// showCodes shows the recovery codes that somebody has just been given, if any. They
// are shown once.
func (h *Handler) showCodes(w http.ResponseWriter, r *http.Request, f *flow, codes []string) error {
	if len(codes) == 0 {
		return h.next(w, r, f)
	}
	var p pending
	if f.owing != nil {
		p.Proof = f.owing.proof()
	} else {
		p.User = f.who.User.ID
	}
	step, err := h.seal(w, r, f, p)
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, consentui.RecoveryCodes{Step: step, Codes: codes})
}

// proceed serves POST /login/continue: the person has seen what there was to see.
func (h *Handler) proceed(w http.ResponseWriter, r *http.Request, f *flow) error {
	if f.page.Proof != nil {
		if err := h.owed(r, f); err != nil {
			return h.denied(w, r, f, err)
		}
		return h.next(w, r, f)
	}
	f.resumeSignIn(h.Now())
	return h.next(w, r, f)
}

// again shows whatever step it is once more.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, f *flow) error {
	if shown, err := h.showMailStep(w, r, f); shown || err != nil {
		return err
	}
	f.offer = f.page.User != "" && f.page.Passkey != nil
	return h.proceed(w, r, f)
}
