package authorize

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// next chooses the step that the flow lacks: an account, a choice, sign-in, a second
// factor, consent, or the answer.
func (h *Handler) next(w http.ResponseWriter, r *http.Request, f *flow) error {
	switch {
	case f.owing != nil:
		return h.showOwed(w, r, f, consentui.ProblemNone)
	case f.request.Prompts("create") && !f.signedIn && f.page.User == "": // or it has been made
		return h.showSignUp(w, r, f, consentui.SignUp{})
	case f.mayChoose():
		return h.showChoose(w, r, f)
	case !f.authenticated():
		if f.request.Prompts("none") {
			return h.refuse(w, r, f, oauth.Refuse(oauth.LoginRequired, "the person is not signed in"))
		}
		return h.showLogin(w, r, f, f.loginHint(), consentui.ProblemNone)
	case !f.expected():
		// Somebody else has signed in than the client asked for.
		if err := h.commit(w, r, f); err != nil {
			return err
		}
		return h.refuse(w, r, f, oauth.Refuse(oauth.LoginRequired, "another person has signed in"))
	case f.short():
		return h.stepUp(w, r, f)
	case !f.met():
		return h.refuse(w, r, f, oauth.Refuse(oauth.UnmetAuthenticationRequirements, "the sign-in has no acr of those demanded"))
	case f.leaving():
		return h.askToKeep(w, r, f)
	case f.offer && !f.request.Prompts("none"):
		if err := h.commit(w, r, f); err != nil {
			return err
		}
		return h.showPasskeyOffer(w, r, f, consentui.ProblemNone)
	case !f.agreed():
		if f.request.Prompts("none") {
			return h.refuse(w, r, f, oauth.Refuse(oauth.ConsentRequired, "the person has not agreed yet"))
		}
		if err := h.commit(w, r, f); err != nil {
			return err
		}
		return h.showConsent(w, r, f)
	}
	return h.finish(w, r, f)
}

// finish issues the response, stores it together with all that the steps left
// to store, and sends it.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, f *flow) error {
	if f.client.ID == client.AccountID {
		return h.enterAccount(w, r, f)
	}
	parameters, err := h.Engine.Authorize(r.Context(), engine.Authorization{
		Client: f.client, Request: f.request, User: &f.who.User, Session: &f.who.Session, SID: f.who.SID,
		Scopes: f.scopes, Audience: f.audience, Claims: f.claims,
	}, &f.write)
	if err != nil {
		return h.refuse(w, r, f, err)
	}
	if err := h.settle(w, r, f); err != nil {
		return err
	}
	if f.request.OpenID() {
		if state := f.browser.SessionState(f.client.ID, f.request.RedirectURI); state != "" {
			parameters.Set("session_state", state)
		}
	}
	return h.answer(w, r, f, parameters)
}

// settle stores what the steps have left to store, and has the browser know that
// this person is the one who was here last.
func (h *Handler) settle(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := h.commit(w, r, f); err != nil {
		return err
	}
	f.browser.Use(f.who.Session.Hash)
	if f.browser.Changed() {
		f.browser.Save(w)
	}
	web.EventOf(r.Context()).Subject = f.who.User.ID
	return nil
}

// enterAccount lets the person in to our own pages about their account, which know
// them by the session alone: nothing is granted, and nothing needs to be said.
func (h *Handler) enterAccount(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := h.settle(w, r, f); err != nil {
		return err
	}
	web.SeeOther(w, f.request.RedirectURI)
	return nil
}

// commit stores what the steps have left to store, if anything, and only then
// lets the browser know its new session.
func (h *Handler) commit(w http.ResponseWriter, r *http.Request, f *flow) error {
	if !f.dirty() {
		return nil
	}
	f.write.Key, f.write.Verified = rand.Text(), f.verified()
	switch err := h.Store.Apply(r.Context(), f.write); {
	case errors.Is(err, storage.ErrNotFound): // deleted since it was read
		return oauth.Refuse(oauth.InvalidRequest, "the application or the account is no longer there").Because(err)
	case errors.Is(err, storage.ErrSpent): // the password was changed since, or the session ended
		return oauth.Refuse(oauth.InvalidRequest, "the person has been signed out in the meantime").Because(err)
	case errors.Is(err, storage.ErrReplayed), errors.Is(err, storage.ErrConflict): // of a passkey
		return oauth.Refuse(oauth.InvalidRequest, "this has been done before").Because(err)
	case err != nil:
		return oauth.Unavailable(err)
	}
	if s := f.signIn; s != nil {
		f.browser.Add(s.token, f.who.Session.Remembered, s.replaces)
		f.browser.Save(w)
		h.endPushedOut(r.Context(), f)
		h.Cookies.RememberDevice(w, r, f.known(), f.who.Session.Remembered)
		h.speak(w, &f.who.User)
	}
	f.write, f.signIn = storage.Write{Now: f.write.Now}, nil
	return nil
}

// dirty: there is something to store.
func (f *flow) dirty() bool {
	w := &f.write
	return w.Session != nil || w.Consent != nil || w.Grant != nil || w.Change != nil ||
		w.UseTOTP != nil || w.UseRecoveryCode != nil || w.UsePasskey != nil
}

// verified is who the write is for, as they were read.
func (f *flow) verified() *storage.Verified {
	if o := f.owing; o != nil {
		return &storage.Verified{UserID: o.User.ID, PasswordHash: o.User.PasswordHash, SessionID: o.session}
	}
	v := &storage.Verified{UserID: f.who.User.ID, PasswordHash: f.who.User.PasswordHash}
	if f.write.Session == nil {
		v.SessionID = f.who.Session.ID
	}
	return v
}

// endPushedOut ends the session of who was signed in in the browser and had to make
// room for somebody else: it would live on where nobody could end it any more. That
// this fails is no reason to fail the sign-in.
func (h *Handler) endPushedOut(ctx context.Context, f *flow) {
	pushedOut := f.browser.PushedOut(f.people, f.who.Session.ID)
	if len(pushedOut) == 0 {
		return
	}
	if _, err := h.Store.EndSessions(ctx, pushedOut, f.write.Now); err != nil {
		web.EventOf(ctx).Trouble = err
	}
}
