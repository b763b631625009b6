package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Verify returns the payload of a compact JWS that the client signed with the
// algorithm that it has registered for it, any of ours if that is "": with the key
// that the kid names, or if it names none with one that fits. An unknown kid is
// reason to fetch the keys anew, [OpenID Connect Core §10.1.1]. It fails with
// ErrSignature, ErrUnreachable, or because we could not find out.
//
// [OpenID Connect Core §10.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys
func (k *Keys) Verify(ctx context.Context, c *storage.Client, compact, registered string) ([]byte, error) {
	jws, err := ParseJWS(compact)
	if err != nil {
		return nil, err
	}
	if registered != "" && registered != registeredName(jws.Signatures[0].Protected.Algorithm) {
		return nil, fmt.Errorf("%w and the algorithm that it has registered", ErrSignature)
	}
	set, err := k.current(ctx, c)
	if err != nil {
		return nil, err
	}
	payload, err := verify(jws, compact, set)
	if errors.Is(err, errUnknown) && c.Metadata.JWKSURI != "" {
		if set, err = k.anew(ctx, c); err != nil {
			return nil, err
		}
		payload, err = verify(jws, compact, set)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return payload, nil
}

// ed25519Alg is the newer name of EdDSA with the one key that we take for it,
// [RFC 9864 §2.2]: what clients sign with it, for them that is EdDSA.
//
// [RFC 9864 §2.2]: https://www.rfc-editor.org/rfc/rfc9864#section-2.2
const ed25519Alg = "Ed25519"

// registeredName is the name that clients register an algorithm under.
func registeredName(alg string) string {
	if alg == ed25519Alg {
		return "EdDSA"
	}
	return alg
}

// ParseJWS parses what a client signed, and verifies nothing. It refuses every critical extension: we understand none, and that for
// payloads that are not encoded is not for JWTs, [RFC 7797 §7]. It fails with
// ErrSignature.
//
// [RFC 7797 §7]: https://www.rfc-editor.org/rfc/rfc7797#section-7
func ParseJWS(compact string) (*jose.JSONWebSignature, error) {
	accepted := []jose.SignatureAlgorithm{ed25519Alg}
	for _, alg := range oauth.SigningAlgorithms() {
		accepted = append(accepted, jose.SignatureAlgorithm(alg))
	}
	jws, err := jose.ParseSignedCompact(compact, accepted)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a JWS with an accepted algorithm", ErrSignature)
	}
	if _, critical := jws.Signatures[0].Protected.ExtraHeaders["crit"]; critical {
		return nil, fmt.Errorf("%w: it has a critical extension", ErrSignature)
	}
	return jws, nil
}

var (
	errUnknown = errors.New("no key has the kid, or fits")
	errWrong   = errors.New("the signature is wrong")
)

// verify checks the signature with the keys that may have made it. errUnknown
// says that there can be others than these.
func verify(jws *jose.JSONWebSignature, compact string, set []jose.JSONWebKey) ([]byte, error) {
	header := jws.Signatures[0].Protected
	err, tried := errUnknown, 0
	for _, key := range set {
		if header.KeyID != "" && header.KeyID != key.KeyID {
			continue
		}
		if header.KeyID != "" {
			err = errWrong
		}
		if !signs(key, header.Algorithm) || tried == maxTried {
			continue
		}
		if payload, err := verifyWith(key, jws, compact); err == nil {
			return payload, nil
		}
		tried++
	}
	return nil, err
}

// verifyWith is go-jose's, which does not know the name Ed25519.
func verifyWith(key jose.JSONWebKey, jws *jose.JSONWebSignature, compact string) ([]byte, error) {
	public, ok := key.Key.(ed25519.PublicKey)
	if !ok || jws.Signatures[0].Protected.Algorithm != ed25519Alg {
		return jws.Verify(key.Key)
	}
	input := compact[:strings.LastIndexByte(compact, '.')]
	if !ed25519.Verify(public, []byte(input), jws.Signatures[0].Signature) {
		return nil, errWrong
	}
	return jws.UnsafePayloadWithoutVerification(), nil
}

// signs reports whether the key can have signed with the algorithm.
func signs(key jose.JSONWebKey, alg string) bool {
	alg = registeredName(alg)
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && registeredName(key.Algorithm) != alg {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" || alg == "PS256"
	case *ecdsa.PublicKey:
		return alg == "ES256" && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}
