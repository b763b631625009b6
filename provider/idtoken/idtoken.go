// Package idtoken owns what an ID token tells us when a client gives it back, as
// id_token_hint. It does not own the making of ID tokens, which is
// provider/engine's.
package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatelodge/gatelodge/provider/jwt"
	"github.com/gatelodge/gatelodge/provider/keys"
)

// ErrInvalid reports what is no ID token of ours.
var ErrInvalid = errors.New("not an ID token of ours")

// Keys verifies our own signatures.
type Keys interface {
	Verify(ctx context.Context, token, typ string) ([]byte, error)
}

// Reader reads hints.
type Reader struct {
	Issuer string
	Keys   Keys
}

// Hint is what is of interest of an ID token: whom it is about, as the client that
// it was issued to knows them and their session.
type Hint struct {
	Subject, ClientID string
	// SID is "" if it was issued in no session.
	SID string
}

// Read reads an ID token, which may have expired, [OpenID Connect Core §3.1.2.1].
// Other JWTs of ours are none: a signed answer of userinfo has no times, and the
// rest another type. It fails with ErrInvalid; any other error is an outage.
//
// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
func (r *Reader) Read(ctx context.Context, token string) (Hint, error) {
	payload, err := r.Keys.Verify(ctx, token, "JWT")
	switch {
	case errors.Is(err, keys.ErrInvalid):
		return Hint{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	case err != nil:
		return Hint{}, fmt.Errorf("verify an ID token: %w", err)
	}
	var c struct {
		Issuer    string       `json:"iss"`
		Subject   string       `json:"sub"`
		Audience  jwt.Audience `json:"aud"`
		SID       string       `json:"sid"`
		IssuedAt  int64        `json:"iat"`
		ExpiresAt int64        `json:"exp"`
	}
	if json.Unmarshal(payload, &c) != nil || c.Issuer != r.Issuer || c.Subject == "" ||
		len(c.Audience) != 1 || c.IssuedAt == 0 || c.ExpiresAt == 0 {
		return Hint{}, ErrInvalid
	}
	return Hint{Subject: c.Subject, ClientID: c.Audience[0], SID: c.SID}, nil
}
