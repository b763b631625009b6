// Package accesstoken owns what an access token is: the claims of a JWT one,
// the form of an opaque one, and whether a presented one is good at this
// moment. It does not issue tokens, which provider/engine does.
package accesstoken

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/jwt"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/storage"
)

// Type is the typ of a JWT access token, [RFC 9068 §2.1].
//
// [RFC 9068 §2.1]: https://www.rfc-editor.org/rfc/rfc9068#section-2.1
const Type = "at+jwt"

// The prefixes by which our opaque tokens are told apart.
const (
	CodePrefix    = "glc_"
	OpaquePrefix  = "gla_"
	RefreshPrefix = "glr_"
)

// Claims are the claims of a JWT access token, [RFC 9068 §2.2].
//
// [RFC 9068 §2.2]: https://www.rfc-editor.org/rfc/rfc9068#section-2.2
type Claims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  jwt.Audience `json:"aud"`
	ExpiresAt int64        `json:"exp"`
	IssuedAt  int64        `json:"iat"`
	ID        string       `json:"jti,omitempty"`
	ClientID  string       `json:"client_id"`
	Scope     string       `json:"scope,omitempty"`
	AuthTime  int64        `json:"auth_time,omitempty"`
	AMR       []string     `json:"amr,omitempty"`
	// Grant is the grant that the token hangs on, "" for a client's own token.
	Grant string `json:"grant_id,omitempty"`
}

// ErrInactive reports a token that is unknown, altered, expired or revoked, or
// whose person may no longer sign in.
var ErrInactive = errors.New("token is not active")

// Keys verifies our own signatures.
type Keys interface {
	Verify(ctx context.Context, token, typ string) ([]byte, error)
}

// Reader is the request's one read.
type Reader interface {
	Read(context.Context, storage.Wanted) (storage.State, error)
}

// Verifier tells whether a presented token is good.
type Verifier struct {
	Issuer string
	Keys   Keys
	Reader Reader
	Now    func() time.Time
}

// Presented is a token whose signature and form have been looked at but whose
// state has not: between the two a request does its one read.
type Presented struct {
	claims Claims       // of a JWT
	hash   storage.Hash // of an opaque token, which is stored; zero for a JWT
}

// Parse looks at the form and the signature of a token. It asks the database
// only about a key that may be new. It fails with [ErrInactive]; any other error
// is an outage.
func (v *Verifier) Parse(ctx context.Context, raw string) (*Presented, error) {
	if strings.HasPrefix(raw, OpaquePrefix) {
		return &Presented{hash: storage.HashOf(raw)}, nil
	}
	payload, err := v.Keys.Verify(ctx, raw, Type)
	if errors.Is(err, keys.ErrInvalid) {
		return nil, fmt.Errorf("%w: %w", ErrInactive, err)
	}
	if err != nil {
		return nil, fmt.Errorf("verify an access token: %w", err)
	}
	p := &Presented{}
	if err := json.Unmarshal(payload, &p.claims); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrInactive, err)
	}
	if p.claims.Issuer != v.Issuer || v.Now().Unix() >= p.claims.ExpiresAt {
		return nil, ErrInactive
	}
	return p, nil
}

// Wanted is what must be read to judge the token, and the client of a JWT.
func (p *Presented) Wanted() storage.Wanted {
	return storage.Wanted{Access: p.hash, GrantID: p.claims.Grant, JTI: p.claims.ID, ClientID: p.claims.ClientID}
}

// Judge tells from what was read whether the token is good, and returns its
// claims. It fails with [ErrInactive].
func (v *Verifier) Judge(p *Presented, state storage.State) (*Claims, error) {
	now, claims := v.Now(), p.claims
	if p.hash != (storage.Hash{}) {
		stored := state.Access
		if stored == nil || state.Grant == nil || !stored.RevokedAt.IsZero() || !now.Before(stored.ExpiresAt) {
			return nil, ErrInactive
		}
		claims = v.claimsOf(stored, state.Grant)
	}
	if claims.Grant != "" && !Alive(state.Grant, state.User, now) {
		return nil, ErrInactive
	}
	if state.Revoked {
		return nil, ErrInactive
	}
	return &claims, nil
}

// Alive reports whether what hangs on the grant is good: it has not been
// revoked, has not expired, and its person, if it has one, may sign in.
func Alive(g *storage.Grant, user *storage.User, now time.Time) bool {
	if g == nil || !g.RevokedAt.IsZero() || !now.Before(g.ExpiresAt) {
		return false
	}
	return g.UserID == "" || user != nil && user.DisabledAt.IsZero()
}

// Find parses, reads and judges in one go, for callers that need nothing else
// of the read. It fails with [ErrInactive]; any other error is an outage.
func (v *Verifier) Find(ctx context.Context, raw string) (*Claims, storage.State, error) {
	presented, err := v.Parse(ctx, raw)
	if err != nil {
		return nil, storage.State{}, err
	}
	state, err := v.Reader.Read(ctx, presented.Wanted())
	if err != nil {
		return nil, storage.State{}, err
	}
	claims, err := v.Judge(presented, state)
	return claims, state, err
}

// claimsOf gives an opaque token the claims that a JWT one carries itself.
func (v *Verifier) claimsOf(t *storage.AccessToken, g *storage.Grant) Claims {
	c := Claims{
		Issuer:    v.Issuer,
		Subject:   Subject(g),
		Audience:  t.Audience,
		ExpiresAt: t.ExpiresAt.Unix(),
		IssuedAt:  t.CreatedAt.Unix(),
		ClientID:  g.ClientID,
		Scope:     strings.Join(t.Scopes, " "),
		AMR:       g.AMR,
		Grant:     g.ID,
	}
	if !g.AuthTime.IsZero() {
		c.AuthTime = g.AuthTime.Unix()
	}
	return c
}

// Subject is the sub of the tokens of a grant: what the client knows the person
// by, or the client's own if there is none.
func Subject(g *storage.Grant) string { return cmp.Or(g.Subject, g.UserID, g.ClientID) }
