package engine

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"

	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/storage"
)

// store answers fosite's storage calls from the request's work and collects
// what they would write. Our token strategy gives each token as its own
// "signature", so that what arrives here is the token, and only its hash leaves.
type store struct{ *Engine }

var (
	_ fosite.Storage                                      = store{}
	_ oauth2.CoreStorage                                  = store{}
	_ oauth2.TokenRevocationStorage                       = store{}
	_ oauth2.ResourceOwnerPasswordCredentialsGrantStorage = store{}
	_ openid.OpenIDConnectRequestStorage                  = store{}
	_ pkce.PKCERequestStorage                             = store{}
)

// errUnused is the answer to the calls that our wiring makes impossible.
var errUnused = errors.New("engine: fosite asked storage for what it has no business with")

// doubleSubmit is how soon a code that came back may be a client that sent its
// own request twice.
const doubleSubmit = 2 * time.Second

// Authorization codes.

func (store) CreateAuthorizeCodeSession(ctx context.Context, code string, _ fosite.Requester) error {
	w := workOf(ctx)
	w.write.Code.Hash = storage.HashOf(code)
	return nil
}

// GetAuthorizeCodeSession returns the code's grant. A code that was used before
// ends its grant, RFC 6749 §4.1.2, if it is the client's own, so that no other
// client can end it by presenting it.
func (store) GetAuthorizeCodeSession(ctx context.Context, _ string, _ fosite.Session) (fosite.Requester, error) {
	w := workOf(ctx)
	code := w.state.Code
	if code == nil || w.grant == nil || w.grant.ClientID != w.client.ID {
		return nil, fosite.ErrNotFound
	}
	request := w.requester(url.Values{"redirect_uri": {code.RedirectURI}})
	switch {
	case !code.UsedAt.IsZero():
		return request, fosite.ErrInvalidatedAuthorizeCode
	case !w.now.Before(code.ExpiresAt), !accesstoken.Alive(w.grant, w.user, w.now):
		return nil, fosite.ErrNotFound
	}
	return request, nil
}

func (store) InvalidateAuthorizeCodeSession(ctx context.Context, code string) error {
	w := workOf(ctx)
	w.write.Redeem = &storage.Redeem{Code: storage.HashOf(code), ClientID: w.client.ID}
	return nil
}

// PKCE lives in the code's own row, so that a failed attempt cannot take the
// challenge away and leave the code without one.

func (store) CreatePKCERequestSession(ctx context.Context, _ string, request fosite.Requester) error {
	workOf(ctx).write.Code.CodeChallenge = request.GetRequestForm().Get("code_challenge")
	return nil
}

func (store) GetPKCERequestSession(ctx context.Context, _ string, _ fosite.Session) (fosite.Requester, error) {
	w := workOf(ctx)
	if w.state.Code == nil || w.state.Code.CodeChallenge == "" {
		return nil, fosite.ErrNotFound
	}
	return w.requester(url.Values{
		"code_challenge":        {w.state.Code.CodeChallenge},
		"code_challenge_method": {"S256"},
	}), nil
}

func (store) DeletePKCERequestSession(context.Context, string) error { return nil }

// OpenID Connect sessions are the grant as well.

func (store) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error { return nil }

func (store) GetOpenIDConnectSession(ctx context.Context, _ string, _ fosite.Requester) (fosite.Requester, error) {
	w := workOf(ctx)
	if !w.openid() {
		return nil, openid.ErrNoSessionFound
	}
	return w.requester(nil), nil
}

func (store) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// Access tokens: only opaque ones are stored.

func (s store) CreateAccessTokenSession(ctx context.Context, token string, _ fosite.Requester) error {
	w := workOf(ctx)
	if w.client.Metadata.AccessTokenFormat != "opaque" {
		return nil
	}
	w.write.Access = &storage.AccessToken{
		Hash:      storage.HashOf(token),
		GrantID:   w.grant.ID,
		Scopes:    w.scopes,
		Audience:  w.audience,
		CreatedAt: w.now,
		ExpiresAt: w.accessExpiresAt,
	}
	return nil
}

func (store) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, errUnused
}

func (store) DeleteAccessTokenSession(context.Context, string) error { return errUnused }

// Refresh tokens.

func (s store) CreateRefreshTokenSession(ctx context.Context, token, _ string, _ fosite.Requester) error {
	w := workOf(ctx)
	expires := w.now.Add(s.Config.RefreshTokenLifetime)
	if expires.After(w.grant.ExpiresAt) {
		expires = w.grant.ExpiresAt
	}
	w.write.Refresh = &storage.RefreshToken{
		Hash:      storage.HashOf(token),
		GrantID:   w.grant.ID,
		Salt:      newSalt(),
		CreatedAt: w.now,
		ExpiresAt: expires,
	}
	return nil
}

// GetRefreshTokenSession returns the token's grant if the token may be rotated.
// Only the client that it belongs to can set off the detection of reuse.
func (s store) GetRefreshTokenSession(ctx context.Context, _ string, _ fosite.Session) (fosite.Requester, error) {
	w := workOf(ctx)
	token := w.state.Refresh
	if token == nil || w.grant == nil || w.grant.ClientID != w.client.ID || !accesstoken.Alive(w.grant, w.user, w.now) {
		return nil, fosite.ErrNotFound
	}
	if s.reused(w, token) {
		return w.requester(nil), fosite.ErrInactiveToken
	}
	if !w.now.Before(token.ExpiresAt) {
		return nil, fosite.ErrNotFound
	}
	return w.requester(nil), nil
}

// reused tells a retry from a theft: within the grace period the same token may
// come again, until its successor has been used.
func (s store) reused(w *work, token *storage.RefreshToken) bool {
	if token.UsedAt.IsZero() {
		return false
	}
	return token.SuccessorUsed || !w.now.Before(token.UsedAt.Add(s.grace(w.client)))
}

func (e *Engine) grace(c *storage.Client) time.Duration {
	if seconds := c.Metadata.RefreshGraceSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return e.Config.RefreshGrace
}

func (s store) RotateRefreshToken(ctx context.Context, _, token string) error {
	w := workOf(ctx)
	w.write.Rotate = &storage.Rotate{
		Refresh:  storage.HashOf(token),
		ClientID: w.client.ID,
		Grace:    s.grace(w.client),
	}
	return nil
}

func (store) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// RevokeRefreshToken is what fosite calls when a code or a refresh token comes
// back. The grant ends, unless it is a client that sent its code twice: one
// that has proven itself and the verifier, within moments.
func (store) RevokeRefreshToken(ctx context.Context, _ string) error {
	w := workOf(ctx)
	code := w.state.Code
	honest := code != nil && proven(code.CodeChallenge, w.form.Get("code_verifier")) &&
		w.now.Sub(code.UsedAt) < doubleSubmit
	w.reused = !honest
	return nil
}

// RevokeAccessToken is called beside RevokeRefreshToken; the grant is one.
func (store) RevokeAccessToken(context.Context, string) error { return nil }

// Authenticate checks a person's password for RFC 6749 §4.3. fosite makes an
// invalid_grant of ErrNotFound and a fault of anything else.
func (s store) Authenticate(ctx context.Context, username, password string) (string, error) {
	w := workOf(ctx)
	if err := w.authenticate(ctx, username, password); err != nil {
		return "", err
	}
	return w.grant.UserID, nil
}

// Clients were found and authenticated before fosite was asked.

func (store) GetClient(context.Context, string) (fosite.Client, error) { return nil, errUnused }

func (store) ClientAssertionJWTValid(context.Context, string) error { return errUnused }

func (store) SetClientAssertionJWT(context.Context, string, time.Time) error { return errUnused }
