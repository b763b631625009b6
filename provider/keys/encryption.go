package keys

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// The keys that others encrypt to us with, by the name of their Algorithm. Each is
// for all algorithms of its kind, which RFC 7517 §4.4 tells by leaving "alg" out.
const (
	rsaEncryption = "RSA-OAEP" // RSA-OAEP and RSA-OAEP-256
	ecEncryption  = "ECDH-ES"  // ECDH-ES, ECDH-ES+A128KW and ECDH-ES+A256KW
)

// encryptions are the keys to decrypt with that each ring has.
func encryptions() []string { return []string{rsaEncryption, ecEncryption} }

// The algorithms that are accepted, for go-jose.
//
//nolint:gochecknoglobals // do not change
var (
	keyManagement     = named[jose.KeyAlgorithm](oauth.KeyManagementAlgorithms())
	contentEncryption = named[jose.ContentEncryption](oauth.ContentEncryptionAlgorithms())
)

func named[T ~string](names []string) []T {
	list := make([]T, len(names))
	for i, name := range names {
		list[i] = T(name)
	}
	return list
}

// maxEncrypted is the length of the longest JWE that is looked at. What clients
// send us by reference may be as long, in base64.
const maxEncrypted = 352 << 10

// Decrypt returns the content of a compact JWE, [RFC 7516 §7.1], that was encrypted
// with a key of ours: the one with its kid or, if it names none, any that fits. It
// fails with ErrInvalid if it cannot be decrypted, whatever the reason, and
// otherwise only when it could not find out. Anybody can have encrypted it.
//
// [RFC 7516 §7.1]: https://www.rfc-editor.org/rfc/rfc7516#section-7.1
func (r *Ring) Decrypt(ctx context.Context, token string) ([]byte, error) {
	if len(token) > maxEncrypted || strings.ContainsAny(token, "\r\n") { // the decoder skips line breaks
		return nil, ErrInvalid
	}
	jwe, err := jose.ParseEncryptedCompact(token, keyManagement, contentEncryption)
	if err != nil {
		return nil, ErrInvalid
	}
	if _, compressed := jwe.Header.ExtraHeaders["zip"]; compressed { // what it becomes has no bound
		return nil, ErrInvalid
	}
	candidates, err := r.decrypters(ctx, jwe.Header)
	if err != nil {
		return nil, err
	}
	for _, k := range candidates {
		if plaintext, err := jwe.Decrypt(k.private); err == nil {
			return plaintext, nil
		}
	}
	return nil, ErrInvalid
}

// decrypters returns the keys that a JWE with the header may be encrypted with. A
// kid that could be ours, but which we don't know, is reason to look for new keys.
func (r *Ring) decrypters(ctx context.Context, header jose.Header) ([]*key, error) {
	kind, kid := ecEncryption, header.KeyID
	if strings.HasPrefix(header.Algorithm, "RSA") {
		kind = rsaEncryption
	}
	s := r.fresh(ctx)
	if kid != "" && s.find(kid) == nil && isThumbprint(kid) {
		if err := r.refresh(ctx); err != nil {
			return nil, fmt.Errorf("look for an unknown encryption key: %w", err)
		}
		s = r.current.Load()
	}
	var fit []*key
	for _, k := range s.all {
		if k.Algorithm == kind && !k.retired(r.now()) && (kid == "" || kid == k.ID) {
			fit = append(fit, k)
		}
	}
	return fit, nil
}

// shown reports whether the key belongs into the JWK Set. Of those to encrypt with,
// [OpenID Connect Core §10.2.1] has only one there, and the ones before it remain
// for what is encrypted by a copy of the set: so each appears when its time has
// come, when all nodes know it, and goes when that of its successor has.
//
// [OpenID Connect Core §10.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateEncKeys
func (s *snapshot) shown(k *key, now time.Time) bool {
	if use(k.Algorithm) == encrypting {
		return s.active(k.Algorithm, now) == k
	}
	return !k.retired(now)
}

// The values of "use", [RFC 7517 §4.2].
//
// [RFC 7517 §4.2]: https://www.rfc-editor.org/rfc/rfc7517#section-4.2
const (
	signing    = "sig"
	encrypting = "enc"
)

// use returns what keys of the algorithm are for, "" if it is none of ours.
func use(alg string) string {
	switch {
	case slices.Contains(oauth.SigningAlgorithms(), alg):
		return signing
	case slices.Contains(encryptions(), alg):
		return encrypting
	default:
		return ""
	}
}
