package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// What [Keys] fails with, beside an outage of our own.
var (
	// ErrSignature reports what is not signed with a key of the client's.
	ErrSignature = errors.New("it is not signed with a key of the client")
	// ErrNoKey reports a client without a key that can be encrypted to.
	ErrNoKey = errors.New("the client has no key for it")
	// ErrUnreachable reports that the keys are where the client said, and that
	// they could not be fetched there.
	ErrUnreachable = errors.New("the client's keys could not be fetched")
)

const (
	// maxKeys bounds the keys of a client that are looked at, and maxTried those
	// that a signature without a kid is checked with.
	maxKeys, maxTried = 32, 4
	// The sizes of RSA keys: what RFC 7518 §3.3 asks for, and what verifying
	// with does not take long.
	minRSA, maxRSA = 2048, 8192
	// maxName bounds the kid, use and alg of a key.
	maxName = 512
	// maxSets bounds the memory.
	maxSets = 1000
)

// Keys are the public keys of clients: those at the jwks_uri of one that has
// one, else its jwks. They are parsed once.
type Keys struct {
	calls *outbound.Client

	mu     sync.Mutex
	parsed map[[sha256.Size]byte][]jose.JSONWebKey // by the text of the key set
}

// NewKeys returns the keys of clients, fetched by calls.
func NewKeys(calls *outbound.Client) *Keys {
	return &Keys{calls: calls, parsed: map[[sha256.Size]byte][]jose.JSONWebKey{}}
}

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

// Encrypt returns the plaintext as a compact JWE to the client, with its key for
// the algorithm. The content type becomes the cty, "" none. It fails with
// ErrNoKey, ErrUnreachable, or because we could not.
func (k *Keys) Encrypt(
	ctx context.Context, c *storage.Client, alg, enc, contentType string, plaintext []byte,
) (string, error) {
	key, err := k.encryptionKey(ctx, c, alg)
	if err != nil {
		return "", err
	}
	options := &jose.EncrypterOptions{}
	if contentType != "" {
		options = options.WithContentType(jose.ContentType(contentType))
	}
	recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Key, KeyID: key.KeyID}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), recipient, options)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s and %s: %w", alg, enc, err)
	}
	jwe, err := encrypter.Encrypt(plaintext)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s and %s: %w", alg, enc, err)
	}
	return jwe.CompactSerialize()
}

// encryptionKey returns the first key that is for encryption with the algorithm,
// and looks for new ones if there is none.
func (k *Keys) encryptionKey(ctx context.Context, c *storage.Client, alg string) (jose.JSONWebKey, error) {
	set, err := k.current(ctx, c)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	key, ok := encrypts(set, alg)
	if !ok && c.Metadata.JWKSURI != "" {
		if set, err = k.anew(ctx, c); err != nil {
			return jose.JSONWebKey{}, err
		}
		key, ok = encrypts(set, alg)
	}
	if !ok {
		return jose.JSONWebKey{}, fmt.Errorf("%w: %s", ErrNoKey, alg)
	}
	return key, nil
}

// encrypts returns a key that can be encrypted to, preferably one that says that
// it is for that.
func encrypts(set []jose.JSONWebKey, alg string) (jose.JSONWebKey, bool) {
	for _, use := range []string{"enc", ""} {
		for _, key := range set {
			if key.Use != use || key.Algorithm != "" && key.Algorithm != alg {
				continue
			}
			switch key.Key.(type) {
			case *rsa.PublicKey:
				if strings.HasPrefix(alg, "RSA-OAEP") {
					return key, true
				}
			case *ecdsa.PublicKey:
				if strings.HasPrefix(alg, "ECDH-ES") {
					return key, true
				}
			}
		}
	}
	return jose.JSONWebKey{}, false
}

// current returns the client's keys as they are known.
func (k *Keys) current(ctx context.Context, c *storage.Client) ([]jose.JSONWebKey, error) {
	if c.Metadata.JWKSURI == "" {
		return k.parse(c.Metadata.JWKS), nil
	}
	return k.fetched(k.calls.Get(ctx, c.Metadata.JWKSURI))
}

// anew returns the keys that the client has by now at its jwks_uri.
func (k *Keys) anew(ctx context.Context, c *storage.Client) ([]jose.JSONWebKey, error) {
	return k.fetched(k.calls.Refetch(ctx, c.Metadata.JWKSURI))
}

func (k *Keys) fetched(d outbound.Document, err error) ([]jose.JSONWebKey, error) {
	if errors.Is(err, outbound.ErrFailed) || errors.Is(err, outbound.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err != nil {
		return nil, err
	}
	return k.parse(d.Body), nil
}

// parse returns the usable keys of a set, which nobody may change.
func (k *Keys) parse(jwks []byte) []jose.JSONWebKey {
	id := sha256.Sum256(jwks)
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.parsed[id]
	if !ok {
		if len(k.parsed) >= maxSets {
			for id := range k.parsed { // any one: the order is random
				delete(k.parsed, id)
				break
			}
		}
		set = usableKeys(jwks)
		k.parsed[id] = set
	}
	return set
}

// usableKeys returns the public keys of a set that are good for anything. Others
// are ignored, [RFC 7517 §5].
//
// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func usableKeys(jwks []byte) []jose.JSONWebKey {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil
	}
	var usable []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		// What is private must not be here, and is not worth the work to check it.
		var private struct {
			D *json.RawMessage `json:"d"`
			K *json.RawMessage `json:"k"`
		}
		if err := json.Unmarshal(raw, &private); err != nil || private.D != nil || private.K != nil {
			continue
		}
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err == nil && key.Valid() && key.IsPublic() && bearable(key) {
			// Without its certificates, which can be long.
			usable = append(usable, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
		}
	}
	return usable
}

// bearable reports whether the key is long enough to trust and short enough to
// use.
func bearable(key jose.JSONWebKey) bool {
	if len(key.KeyID)+len(key.Algorithm)+len(key.Use) > maxName {
		return false
	}
	public, ok := key.Key.(*rsa.PublicKey)
	return !ok || sized(public)
}

func sized(public *rsa.PublicKey) bool {
	bits := public.N.BitLen()
	return minRSA <= bits && bits <= maxRSA
}
