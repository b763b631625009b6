package clientauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/jwt"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// maxLife bounds how long the jti of an assertion must be remembered.
	maxLife = 10 * time.Minute
	leeway  = 30 * time.Second
)

// assertionClaims are the claims of a client assertion, [RFC 7523 §3].
//
// [RFC 7523 §3]: https://www.rfc-editor.org/rfc/rfc7523#section-3
type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	JTI       string   `json:"jti"`
	ExpiresAt float64  `json:"exp"`
	NotBefore float64  `json:"nbf"`
	IssuedAt  float64  `json:"iat"`
}

// audience is one recipient. An array of several would let an assertion that
// was made for another server be used here, CVE-2025-27370.
type audience string

func (a *audience) UnmarshalJSON(b []byte) error {
	var many []string
	if err := json.Unmarshal(b, &many); err == nil {
		if len(many) == 1 {
			*a = audience(many[0])
		}
		return nil
	}
	return json.Unmarshal(b, (*string)(a))
}

// fromAssertion learns the client_id from the assertion, which is not verified
// yet: its key is known only with the client.
func fromAssertion(form url.Values) (Credentials, error) {
	if form.Get("client_assertion_type") != assertionType {
		return Credentials{}, oauth.Refuse(oauth.InvalidRequest, "client_assertion_type must be "+assertionType)
	}
	c := Credentials{assertion: form.Get("client_assertion")}
	jws, err := client.ParseJWS(c.assertion)
	if err != nil {
		return Credentials{}, refuse("the assertion is not a JWS with an accepted algorithm")
	}
	if typ, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string); !assertionTyp(typ) {
		return Credentials{}, refuse("the assertion is a JWT of another type")
	}
	var claims assertionClaims
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims); err != nil {
		return Credentials{}, refuse("the assertion's claims are malformed")
	}
	c.ClientID = claims.Subject
	return c, nil
}

// assertionTyp reports whether a JWT of the type can be an assertion. A request
// object that says so is none, whatever its claims: browsers have seen it,
// [RFC 9101 §10.8].
//
// [RFC 9101 §10.8]: https://www.rfc-editor.org/rfc/rfc9101#section-10.8
func assertionTyp(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "client-authentication+jwt":
		return true
	default:
		return false
	}
}

// checkAssertion verifies the assertion with the client's registered keys,
// [RFC 7523 §3]. That it is presented only once is decided by the write.
//
// [RFC 7523 §3]: https://www.rfc-editor.org/rfc/rfc7523#section-3
func (a *Authenticator) checkAssertion(
	ctx context.Context, assertion string, client *storage.Client,
) (*storage.Assertion, error) {
	payload, err := a.verify(ctx, assertion, client)
	if err != nil {
		return nil, err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, refuse("the assertion's claims are malformed")
	}
	now, expires := a.Now(), jwt.Instant(claims.ExpiresAt)
	switch {
	case claims.Issuer != client.ID || claims.Subject != client.ID:
		return nil, refuse("iss and sub of the assertion must be the client_id")
	case !slices.Contains(a.Audiences, string(claims.Audience)):
		return nil, refuse("aud of the assertion must be the issuer")
	case claims.JTI == "":
		return nil, refuse("the assertion has no jti")
	case !expires.After(now.Add(-leeway)):
		return nil, refuse("the assertion has expired")
	case expires.After(now.Add(maxLife)):
		return nil, refuse("the assertion lives longer than ten minutes")
	case jwt.Instant(max(claims.NotBefore, claims.IssuedAt)).After(now.Add(leeway)):
		return nil, refuse("the assertion is from the future")
	}
	return &storage.Assertion{
		ClientID:  client.ID,
		JTI:       storage.HashOf(claims.JTI),
		ExpiresAt: expires.Add(leeway),
	}, nil
}

// verify returns the claims if the client signed them. Keys that cannot be
// fetched are the client's to mend: it is refused, while an outage of ours is none
// of its business.
func (a *Authenticator) verify(ctx context.Context, assertion string, c *storage.Client) ([]byte, error) {
	payload, err := a.Keys.Verify(ctx, c, assertion, c.Metadata.TokenEndpointAuthSigningAlg)
	switch {
	case errors.Is(err, client.ErrSignature), errors.Is(err, client.ErrUnreachable):
		return nil, refuse(reason(err.Error()))
	case err != nil:
		return nil, oauth.Unavailable(err)
	}
	return payload, nil
}
