package authorize

import (
	"crypto/rand"
	"net/http"
	"slices"

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

// signIn takes what a person has proved, by whichever way there is to sign in: it
// begins a session, unless more is owed. The caller goes on to next, which asks for
// that.
func (h *Handler) signIn(r *http.Request, f *flow, outcome account.Outcome) {
	o := owing{at: h.Now(), offer: f.form.Get("passkeys") == "yes"}
	if f.owing != nil {
		o = *f.owing
	}
	o.Outcome = outcome
	if f.owes(outcome.AMR, outcome.Factors) {
		f.owing = &o
		web.EventOf(r.Context()).Note = "more to prove"
		return
	}
	h.beginSession(r, f, outcome)
	if !o.authTime.IsZero() {
		f.who.Session.AuthTime = o.authTime
	}
	f.owing = nil
	f.offer = o.offer && h.Factors.Passkeys() && slices.Contains(outcome.AMR, "pwd") &&
		len(outcome.Factors.Passkeys) == 0 && !outcome.User.Preferences.NoPasskeyOffer
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
	h.noteSignIn(r, f, from)
	event := web.EventOf(r.Context())
	event.Note, event.Subject = "signed in", outcome.User.ID
	if outcome.NotUpgraded != nil {
		event.Trouble = outcome.NotUpgraded
	}
}
