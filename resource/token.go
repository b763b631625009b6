package resource

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // refuses members that occur twice, and compares names exactly
	"github.com/go-jose/go-jose/v4/jwt"
)

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 16 << 10

// Token is an access token that was verified.
type Token struct {
	// Subject is the person, or the client itself if it acts for no one.
	Subject   string
	ClientID  string
	Scopes    []string
	Audience  []string
	IssuedAt  time.Time
	ExpiresAt time.Time
	// ID is the jti.
	ID string

	payload []byte
}

// HasScope reports whether the token was granted the scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scopes, scope) }

// Claims decodes all claims of the token into v, as [encoding/json.Unmarshal]
// does, but with exact names.
func (t *Token) Claims(v any) error { return json.Unmarshal(t.payload, v) }

// refusal is an ErrInvalid with its reason, which may be told to the client.
type refusal string

func (r refusal) Error() string { return ErrInvalid.Error() + ": " + string(r) }
func (r refusal) Unwrap() error { return ErrInvalid }

// The reasons to refuse a token.
const (
	errMalformed refusal = "the access token is not a JWT signed with an accepted algorithm"
	errType      refusal = "the token is not an access token"
	errKey       refusal = "the access token was not signed by the issuer's key"
	errSignature refusal = "the signature of the access token is wrong"
	errClaims    refusal = "the claims of the access token are malformed"
	errIssuer    refusal = "the access token is from another issuer"
	errAudience  refusal = "the access token is not for this API"
	errExpired   refusal = "the access token has expired"
	errNotYet    refusal = "the access token is not valid yet"
	errKeyBound  refusal = "the access token is bound to a key"
)

// Verify returns the token if it is one for this API, in the order of
// [RFC 9068 §4]. It fails with ErrInvalid or with ErrUnavailable.
//
// [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	payload, err := v.open(ctx, raw)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errClaims
	}
	if err := v.judge(&c); err != nil {
		return nil, err
	}
	return &Token{
		Subject: c.Subject, ClientID: c.ClientID, Scopes: strings.Fields(c.Scope), Audience: c.Audience,
		IssuedAt: c.IssuedAt.Time(), ExpiresAt: c.Expiry.Time(), ID: c.ID, payload: payload,
	}, nil
}

// open verifies the signature and returns the payload. The token chooses the
// key by its kid alone: a key that it brings along means nothing.
func (v *Verifier) open(ctx context.Context, raw string) ([]byte, error) {
	if len(raw) > maxToken {
		return nil, errMalformed
	}
	jws, err := jose.ParseSignedCompact(raw, v.algorithms)
	if err != nil {
		return nil, errMalformed
	}
	header := jws.Signatures[0].Protected
	if !isAccessToken(header) {
		return nil, errType
	}
	if _, ok := header.ExtraHeaders["crit"]; ok { // we understand no extension
		return nil, errMalformed
	}
	key, err := v.issuer.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, errKey
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, errSignature
	}
	return payload, nil
}

// isAccessToken compares the media type as RFC 7515 §4.1.9 says.
func isAccessToken(h jose.Header) bool {
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

type claims struct {
	jwt.Claims
	ClientID     string          `json:"client_id"`
	Scope        string          `json:"scope"`
	Confirmation json.RawMessage `json:"cnf"`
}

func (v *Verifier) judge(c *claims) error {
	now := v.now()
	switch {
	case c.Issuer != v.issuer.id:
		return errIssuer
	case !slices.Contains(c.Audience, v.audience):
		return errAudience
	case c.Expiry == nil || c.Subject == "" || c.ClientID == "":
		return errClaims
	case !now.Before(c.Expiry.Time().Add(v.leeway)):
		return errExpired
	case c.NotBefore != nil && now.Add(v.leeway).Before(c.NotBefore.Time()):
		return errNotYet
	case len(c.Confirmation) > 0: // RFC 9449 §7.1: not to be taken without its proof
		return errKeyBound
	}
	return nil
}

// unavailable is an ErrUnavailable with its cause, which is not for the client.
func unavailable(cause error) error { return fmt.Errorf("%w: %w", ErrUnavailable, cause) }
