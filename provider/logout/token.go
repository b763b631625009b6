package logout

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// typ is that of a logout token, and event what it says has happened,
// [OpenID Connect Back-Channel Logout §2.4].
//
// [OpenID Connect Back-Channel Logout §2.4]: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
const (
	typ   = "logout+jwt"
	event = "http://schemas.openid.net/event/backchannel-logout"
)

// tokenLifetime is as long as the specification recommends at most.
const tokenLifetime = 2 * time.Minute

// claims are those of a logout token. It has no nonce, so that nobody takes it
// for an ID token.
type claims struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub,omitempty"`
	Audience  string              `json:"aud"`
	IssuedAt  int64               `json:"iat"`
	ExpiresAt int64               `json:"exp"`
	ID        string              `json:"jti"`
	Events    map[string]struct{} `json:"events"`
	SID       string              `json:"sid,omitempty"`
}

// token returns the logout token, signed, and encrypted if so, as the client's ID
// tokens are.
func (d *Deliverer) token(ctx context.Context, c *storage.Client, n storage.LogoutNotice) (string, error) {
	now := d.Now()
	signed, err := d.Keys.Sign(ctx, cmp.Or(c.Metadata.IDTokenSignedResponseAlg, "RS256"), typ, claims{
		Issuer: d.Issuer, Subject: n.Subject, Audience: c.ID, SID: n.SID,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(tokenLifetime).Unix(), ID: rand.Text(),
		Events: map[string]struct{}{event: {}},
	})
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return d.ClientKeys.EncryptIDToken(ctx, c, signed)
}
