package engine

import (
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"github.com/gatelodge/gatelodge/provider/accesstoken"
)

// session is what fosite wants a session to be. Ours is the request's work:
// claims and expiries are made fresh for each token, from the grant.
type session struct {
	subject string
	claims  jwt.IDTokenClaims
	headers jwt.Headers
	expires map[fosite.TokenType]time.Time
}

func newSession(w *work) *session {
	s := &session{expires: map[fosite.TokenType]time.Time{}}
	if w.grant != nil {
		s.subject = accesstoken.Subject(w.grant)
		s.claims.Subject = s.subject
	}
	return s
}

func (s *session) SetExpiresAt(key fosite.TokenType, at time.Time) { s.expires[key] = at }
func (s *session) GetExpiresAt(key fosite.TokenType) time.Time     { return s.expires[key] }
func (s *session) GetUsername() string                             { return "" }
func (s *session) GetSubject() string                              { return s.subject }
func (s *session) IDTokenClaims() *jwt.IDTokenClaims               { return &s.claims }
func (s *session) IDTokenHeaders() *jwt.Headers                    { return &s.headers }

// Clone returns the session itself: it belongs to one request.
func (s *session) Clone() fosite.Session { return s }
