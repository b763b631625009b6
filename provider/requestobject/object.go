package requestobject

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/strictjson"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/jwt"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

const (
	// maxClaims is the most that the claims may take, in bytes: they go through
	// the pages, in a form that has to stay below web.MaxBody.
	maxClaims = 16 << 10
	// leeway is how far a client's clock may be off.
	leeway = 30 * time.Second
)

// object returns the parameters of an object that the client has made for us.
func (r *Resolver) object(ctx context.Context, c *storage.Client, compact string) (url.Values, error) {
	signed, err := r.decrypted(ctx, c, compact)
	if err != nil {
		return nil, err
	}
	payload, err := r.verified(ctx, c, signed)
	if err != nil {
		return nil, err
	}
	if len(payload) > maxClaims {
		return nil, refuse("the request object has more than 16 KiB of claims")
	}
	claims, err := strictjson.Object(payload)
	if err != nil {
		return nil, refuse("the claims of the request object are not a JSON object that names each member once").Because(err)
	}
	if err := r.check(c, claims); err != nil {
		return nil, err
	}
	return parameters(c.ID, claims)
}

// decrypted returns the signed object that is in an encrypted one, or that it is
// itself: the client encrypts all of its objects or none, with what it has
// registered, [OpenID Connect Registration §2].
//
// [OpenID Connect Registration §2]: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata
func (r *Resolver) decrypted(ctx context.Context, c *storage.Client, compact string) (string, error) {
	const dots = 4 // RFC 7516 §7.1
	alg, enc := c.Metadata.RequestObjectEncryptionAlg, c.Metadata.RequestObjectEncryptionEnc
	switch encrypted := strings.Count(compact, ".") == dots; {
	case !encrypted && alg == "":
		return compact, nil
	case !encrypted:
		return "", refuse("the client has registered that its request objects are encrypted, and this one is not")
	case alg == "":
		return "", refuse("the client has not registered that its request objects are encrypted")
	}
	h, err := parseHeader(compact)
	if err != nil {
		return "", err
	}
	if h.Alg != alg || h.Enc != enc && enc != "" {
		return "", refuse("the request object is not encrypted with the algorithms that the client has registered")
	}
	plaintext, err := r.Keys.Decrypt(ctx, compact)
	if errors.Is(err, keys.ErrInvalid) {
		return "", refuse("the request object cannot be decrypted with a key of ours")
	}
	if err != nil {
		return "", oauth.Unavailable(err)
	}
	return string(plaintext), nil
}

// verified returns the claims of an object that the client has signed.
func (r *Resolver) verified(ctx context.Context, c *storage.Client, compact string) ([]byte, error) {
	h, err := parseHeader(compact)
	if err != nil {
		return nil, err
	}
	if h.Alg == "none" {
		return nil, refuse("the request object is not signed")
	}
	payload, err := r.ClientKeys.Verify(ctx, c, compact, c.Metadata.RequestObjectSigningAlg)
	switch {
	case errors.Is(err, client.ErrSignature):
		return nil, refuse("the request object is not signed with a key and an algorithm of the client").Because(err)
	case errors.Is(err, client.ErrUnreachable):
		return nil, refuse("the keys of the client could not be fetched").Because(err)
	case err != nil:
		return nil, oauth.Unavailable(err)
	}
	return payload, nil
}

// header is what we read of a JOSE header, before anything is proven.
type header struct{ Alg, Enc, Typ string }

func parseHeader(compact string) (header, error) {
	encoded, _, _ := strings.Cut(compact, ".")
	decoded, err := b64.DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return header{}, refuse("the request object is not a JWT")
	}
	parsed, err := strictjson.Object(decoded)
	if err != nil {
		return header{}, refuse("the request object is not a JWT")
	}
	var h header
	for name, value := range map[string]*string{"alg": &h.Alg, "enc": &h.Enc, "typ": &h.Typ} {
		if raw, ok := parsed[name]; ok && json.Unmarshal(raw, value) != nil {
			return header{}, refuse("the header of the request object has a member of the wrong type")
		}
	}
	if !requestType(h.Typ) {
		return header{}, refuse("the request object is a JWT of another type")
	}
	return h, nil
}

// requestType reports whether a JWT of the type can be a request object: objects
// from before RFC 9101 §4 have no type of their own. It is a media type, RFC 7515
// §4.1.9, so that its case does not matter.
func requestType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "oauth-authz-req+jwt":
		return true
	default:
		return false
	}
}

// claims are those of the JWT itself, [RFC 7519 §4.1]. The rest are parameters.
//
// [RFC 7519 §4.1]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1
type claims struct {
	Issuer    *string      `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  jwt.Audience `json:"aud"`
	ExpiresAt *float64     `json:"exp"`
	NotBefore *float64     `json:"nbf"`
	IssuedAt  *float64     `json:"iat"`
	ClientID  *string      `json:"client_id"`
}

// check checks that the object is the client's, and for us, and now. Keys alone do
// not tell whose it is, since two clients can have the same.
func (r *Resolver) check(c *storage.Client, all map[string]json.RawMessage) error {
	own, err := ownClaims(all)
	if err != nil {
		return refuse("a claim of the request object has the wrong type").Because(err)
	}
	now := r.Now()
	switch {
	case all["request"] != nil || all["request_uri"] != nil: // OpenID Connect Core §6.1
		return refuse("there is a request or request_uri in the request object")
	case own.ClientID == nil && own.Issuer == nil:
		return refuse("the request object has neither client_id nor iss")
	case own.ClientID != nil && *own.ClientID != c.ID, own.Issuer != nil && *own.Issuer != c.ID:
		return refuse("the request object is another client's")
	case own.Subject == c.ID: // RFC 9101 §10.8: it is made to prove who the client is
		return refuse("the JWT is a client assertion and not a request object")
	case all["aud"] != nil && !slices.Contains(own.Audience, r.Issuer):
		return refuse("the request object is for another issuer")
	case own.ExpiresAt != nil && !now.Add(-leeway).Before(jwt.Instant(*own.ExpiresAt)):
		return refuse("the request object has expired")
	case own.NotBefore != nil && now.Add(leeway).Before(jwt.Instant(*own.NotBefore)):
		return refuse("the request object is not valid yet")
	case own.IssuedAt != nil && now.Add(leeway).Before(jwt.Instant(*own.IssuedAt)):
		return refuse("the request object was issued in the future")
	}
	return nil
}

// ownClaims reads the claims by their exact names, which decoding the whole into
// the struct would not.
func ownClaims(all map[string]json.RawMessage) (claims, error) {
	var own claims
	var failed error
	for name, into := range map[string]any{
		"iss": &own.Issuer, "sub": &own.Subject, "aud": &own.Audience, "client_id": &own.ClientID,
		"exp": &own.ExpiresAt, "nbf": &own.NotBefore, "iat": &own.IssuedAt,
	} {
		if raw, ok := all[name]; ok {
			failed = errors.Join(failed, json.Unmarshal(raw, into))
		}
	}
	return own, failed
}
