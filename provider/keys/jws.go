package keys

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// ErrInvalid reports a token that is not one of ours.
var ErrInvalid = errors.New("invalid token")

// b64 refuses what encodes the same bytes in another way.
var b64 = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // does not change

// The JOSE header of all our tokens is head(alg, kid) + tail(typ), byte for
// byte. A later version that writes another must still recognise this one.
func head(alg, kid string) string { return `{"alg":"` + alg + `","kid":"` + kid }
func tail(typ string) string      { return `","typ":"` + typ + `"}` }

// Sign returns the claims as a compact JWS of the type, such as "at+jwt",
// [RFC 7515 §7.1], signed with the active key of the algorithm.
//
// [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
func (r *Ring) Sign(ctx context.Context, alg, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	k := r.fresh(ctx).active(alg, r.now())
	if k == nil || use(alg) != signing {
		return "", fmt.Errorf("no signing key for %q", alg)
	}
	header := head(k.Algorithm, k.ID) + tail(typ)

	token := make([]byte, 0, b64.EncodedLen(len(header)+len(payload)+rsaBits/8)+4)
	token = b64.AppendEncode(token, []byte(header))
	token = b64.AppendEncode(append(token, '.'), payload)
	signature, err := k.sign(token)
	if err != nil {
		return "", fmt.Errorf("sign with %q: %w", k.ID, err)
	}
	token = b64.AppendEncode(append(token, '.'), signature)
	return string(token), nil
}

// Verify returns the payload of a token that [Ring.Sign] made with this type
// and a key that is still published. It fails with ErrInvalid if there is no
// such token, and otherwise only when it could not find out. Whether the token
// has expired and whom it is for, the caller judges.
//
// The header must be one that Sign writes, to the byte: this leaves no room for
// "none", another key's algorithm, crit, a key in the token or a member twice.
func (r *Ring) Verify(ctx context.Context, token, typ string) (payload []byte, err error) {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 || strings.ContainsAny(token, "\r\n") { // the decoder skips line breaks
		return nil, ErrInvalid
	}
	header, claims, signature := parts[0], parts[1], parts[2]
	k, err := r.signer(ctx, header, typ)
	if err != nil {
		return nil, err
	}
	sum, err := b64.DecodeString(signature)
	if err != nil || !k.verify([]byte(header+"."+claims), sum) {
		return nil, ErrInvalid
	}
	payload, err = b64.DecodeString(claims)
	if err != nil {
		return nil, ErrInvalid
	}
	return payload, nil
}

// signer returns the published key whose header this is. A header that we could
// have written, but with a key we don't know, is reason to look for new keys.
func (r *Ring) signer(ctx context.Context, header, typ string) (*key, error) {
	decoded, err := b64.DecodeString(header)
	if err != nil {
		return nil, ErrInvalid
	}
	prefix, ok := strings.CutSuffix(string(decoded), tail(typ))
	if !ok {
		return nil, ErrInvalid
	}
	k := r.recent(ctx).byHead[prefix]
	if k == nil && ours(prefix) {
		if err := r.refresh(ctx); err != nil {
			return nil, fmt.Errorf("look for an unknown signing key: %w", err)
		}
		k = r.current.Load().byHead[prefix]
	}
	if k == nil || k.retired(r.now()) {
		return nil, ErrInvalid
	}
	return k, nil
}

// ours reports whether head could have made the prefix.
func ours(prefix string) bool {
	i := len(prefix) - thumbprint
	return i >= 0 && isThumbprint(prefix[i:]) &&
		slices.ContainsFunc(oauth.SigningAlgorithms(), func(alg string) bool { return prefix[:i] == head(alg, "") })
}

const thumbprint = 43 // SHA-256 in base64url

// isThumbprint reports whether the text could be a kid of ours.
func isThumbprint(text string) bool {
	_, err := b64.DecodeString(text)
	return err == nil && len(text) == thumbprint
}

// JWKS returns the JWK Set of all published keys, [RFC 7517 §5], and its entity
// tag, quoted: those to verify with and those to encrypt to us with, told apart by
// "use". A key that another node or a command has added is there a second later,
// but an answer needs no database. A cache may keep it for MaxAge. The caller must
// not change the body.
//
// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func (r *Ring) JWKS() (body []byte, etag string) {
	s := r.latest(context.Background())
	return s.jwks, s.etag
}
