package authorize

import (
	"crypto/rand"
	"net/http"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// signIn is a sign-in that the browser is to remember.
type signIn struct {
	token      session.Token
	identifier string
	// replaces is the session's token until now, zero if the session is new.
	replaces storage.Hash
}

// signIn takes what a person has proved, by whichever way there is to sign in. The
// caller goes on to next, which asks for what is still owed.
func (h *Handler) signIn(r *http.Request, f *flow, outcome account.Outcome) {
	h.beginSession(r, f, outcome)
}

// beginSession begins a session, or proves the one anew that the person has in
// this browser: under a new token, since one from before a change of rights is
// worth nothing after it.
func (h *Handler) beginSession(r *http.Request, f *flow, outcome account.Outcome) {
	now, token := h.Now(), session.NewToken()
	who := storage.SignedIn{User: outcome.User, Consent: outcome.Consent}
	s := storage.Session{
		ID: rand.Text(), Hash: token.Hash(), UserID: outcome.User.ID,
		AuthTime: now, AMR: outcome.AMR, Remembered: f.remember, CreatedAt: now, ExpiresAt: now.Add(h.BrowserSessionLifetime),
	}
	if s.Remembered {
		s.ExpiresAt = now.Add(h.SessionLifetime)
	}
	from := h.origin(r)
	s.Network, s.UserAgent = from.Network, from.UserAgent
	f.signIn = &signIn{token: token, identifier: outcome.Identifier}
	if f.pick(func(p storage.SignedIn) bool { return p.User.ID == outcome.User.ID }) {
		s.ID, s.CreatedAt, who.SID = f.who.Session.ID, f.who.Session.CreatedAt, f.who.SID
		f.signIn.replaces = f.who.Session.Hash
	}
	who.Session = s
	f.who, f.signedIn = &who, true
	f.write.Session, f.write.Succeeded = &who.Session, outcome.Succeeded
	event := web.EventOf(r.Context())
	event.Note, event.Subject, event.Trouble = "signed in", outcome.User.ID, outcome.NotUpgraded
}
