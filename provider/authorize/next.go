package authorize

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// next chooses the step that the flow lacks: sign-in, consent, or the answer.
func (h *Handler) next(w http.ResponseWriter, r *http.Request, f *flow) error {
	switch {
	case !f.authenticated():
		if f.request.Prompts("none") {
			return h.refuse(w, r, f, oauth.Refuse(oauth.LoginRequired, "the person is not signed in"))
		}
		return h.showLogin(w, r, f, f.request.LoginHint, consentui.ProblemNone)
	case !f.expected():
		// Somebody else has signed in than the client asked for.
		if err := h.commit(w, r, f); err != nil {
			return err
		}
		return h.refuse(w, r, f, oauth.Refuse(oauth.LoginRequired, "another person has signed in"))
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

// authenticated: the person is signed in as recently as the request demands.
func (f *flow) authenticated() bool {
	if f.session == nil || f.user == nil {
		return false
	}
	if f.signedIn {
		return true
	}
	return f.expected() && f.recent()
}

// recent: the session will do. prompt=login and select_account ask for a sign-in
// during this very request, and so does max_age=0; any other max_age for one not
// longer ago than that when the request began, OpenID Connect Core §3.1.2.1.
func (f *flow) recent() bool {
	if f.request.Prompts("login") || f.request.Prompts("select_account") {
		return false
	}
	if f.request.MaxAge == "" {
		return true
	}
	seconds, _ := strconv.Atoi(f.request.MaxAge) // checked by checkMaxAge
	oldest := f.started.Add(-time.Duration(seconds) * time.Second)
	return seconds > 0 && !f.session.AuthTime.Before(oldest)
}

// expected: the person is the one that id_token_hint names, if it names one.
func (f *flow) expected() bool { return f.hint == "" || f.hint == f.user.ID }

// agreed: the person has allowed the client all that it will get.
func (f *flow) agreed() bool {
	if f.approved {
		return true
	}
	if f.request.Prompts("consent") {
		return false
	}
	if f.client.Metadata.SkipConsent {
		return true
	}
	if client.IsPublic(f.client) && client.AnyoneCanListen(f.request.RedirectURI) {
		return false // nothing proves that it is the same program as before
	}
	return !slices.ContainsFunc(f.scopes, func(s string) bool { return !slices.Contains(f.remembered, s) })
}

// finish issues the response, stores it together with all that the steps left
// to store, and sends it.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, f *flow) error {
	parameters, err := h.Engine.Authorize(r.Context(), engine.Authorization{
		Client: f.client, Request: f.request, User: f.user, Session: f.session,
		Scopes: f.scopes, Audience: f.audience,
	}, &f.write)
	if err != nil {
		return h.refuse(w, r, f, err)
	}
	if err := h.commit(w, r, f); err != nil {
		return err
	}
	web.EventOf(r.Context()).Subject = f.user.ID
	return h.answer(w, f, parameters)
}

// commit stores what the steps have left to store, if anything, and only then
// lets the browser know its new session.
func (h *Handler) commit(w http.ResponseWriter, r *http.Request, f *flow) error {
	if f.write.Session == nil && f.write.Consent == nil && f.write.Grant == nil {
		return nil
	}
	f.write.Key = rand.Text()
	f.write.Verified = &storage.Verified{UserID: f.user.ID, PasswordHash: f.user.PasswordHash}
	if f.write.Session == nil {
		f.write.Verified.SessionID = f.session.ID
	}
	switch err := h.Store.Apply(r.Context(), f.write); {
	case errors.Is(err, storage.ErrNotFound): // deleted since it was read
		return oauth.Refuse(oauth.InvalidRequest, "the application or the account is no longer there").Because(err)
	case errors.Is(err, storage.ErrSpent): // the password was changed since
		return oauth.Refuse(oauth.InvalidRequest, "the person has been signed out in the meantime").Because(err)
	case err != nil:
		return oauth.Unavailable(err)
	}
	if f.signIn != nil {
		browser := h.Cookies.Browser(r)
		browser.Add(f.signIn.token, browser.Sessions()...)
		browser.Save(w, f.session.ExpiresAt)
		h.Cookies.RememberDevice(w, r, f.user.ID, f.signIn.identifier)
	}
	f.write, f.signIn = storage.Write{Now: f.write.Now}, nil
	return nil
}
