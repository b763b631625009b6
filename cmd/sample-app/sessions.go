package main

import (
	"crypto/rand"
	"net/http"
	"sync"

	"golang.org/x/oauth2"
)

// session is a browser's. It does not change: what follows on it replaces it.
type session struct {
	// Of a sign-in that has begun.
	state, nonce, verifier string

	// Of one that is done; token is nil before.
	token   *oauth2.Token
	subject string
	claims  string // of the ID token, as they are shown
}

// sessions keeps sessions in memory: this is a sample.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session
}

const (
	cookie = "sample-app-session"
	// maxSessions bounds the memory.
	maxSessions = 1000
)

// find returns the browser's session, nil if it has none.
func (s *sessions) find(r *http.Request) *session {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[c.Value]
}

// replace ends the browser's session, if it has one, and gives it another with
// an id of its own, so that nobody else can know that beforehand.
func (s *sessions) replace(w http.ResponseWriter, r *http.Request, next *session) {
	s.end(r)
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil || len(s.byID) >= maxSessions {
		s.byID = map[string]*session{}
	}
	s.byID[id] = next
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure: the sample is served over http
		Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// end forgets the browser's session.
func (s *sessions) end(r *http.Request) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, c.Value)
}
