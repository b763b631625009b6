package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/storage"
)

// rsaBits is the size of RSA keys. Larger ones sign several times slower.
const rsaBits = 2048

// key is a key of ours, opened.
type key struct {
	storage.SigningKey
	private crypto.Signer
	jwk     []byte // the public JWK
	// verified are signatures that have proven good.
	verified *verified
	// resealed is the private key under the current secret, if the store has
	// it under a previous one.
	resealed []byte
}

// retired reports whether the key has ceased to be published.
func (k *key) retired(now time.Time) bool {
	return !k.RetiredAt.IsZero() && !now.Before(k.RetiredAt)
}

// generate makes a key and seals it.
func (r *Ring) generate(alg string) (storage.SigningKey, error) {
	private, err := newPrivateKey(alg)
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	kid, jwk, err := publicJWK(alg, private)
	if err != nil {
		return storage.SigningKey{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("encode %s key: %w", alg, err)
	}
	sealed := r.seal.Seal(pkcs8, bound(alg, kid))
	return storage.SigningKey{ID: kid, Algorithm: alg, PublicJWK: jwk, SealedKey: sealed}, nil
}

// open returns the key of the record: the one already known, or else opened.
// Everything that we trust comes out of the sealed value, so that who can write
// to the database, but lacks the secret, cannot publish a key as ours.
func (r *Ring) open(record storage.SigningKey, known *snapshot) (*key, error) {
	if k := known.find(record.ID); k != nil && k.Algorithm == record.Algorithm && k.resealed == nil {
		return &key{SigningKey: record, private: k.private, jwk: k.jwk, verified: k.verified}, nil
	}
	pkcs8, err := r.seal.Open(record.SealedKey, bound(record.Algorithm, record.ID))
	if err != nil {
		return nil, fmt.Errorf("not sealed under a configured secret: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, errors.New("not a private key in PKCS #8") // err could quote it
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !fits(private, record.Algorithm) {
		return nil, fmt.Errorf("not a key for %s", record.Algorithm)
	}
	kid, jwk, err := publicJWK(record.Algorithm, private)
	if err != nil {
		return nil, err
	}
	if kid != record.ID {
		return nil, errors.New("id is not the key's thumbprint")
	}
	resealed, err := r.seal.Reseal(record.SealedKey, bound(record.Algorithm, record.ID))
	if err != nil {
		return nil, err
	}
	return &key{SigningKey: record, private: private, jwk: jwk, verified: newVerified(), resealed: resealed}, nil
}

// bound is what the sealed key is bound to: a key does what its record says, so
// this must not be altered. The first three algorithms had the kid alone when there
// were no others, and tell themselves apart.
func bound(alg, kid string) []byte {
	switch alg {
	case "RS256", "ES256", "EdDSA":
		return []byte(kid)
	default:
		return []byte(alg + " " + kid)
	}
}

func newPrivateKey(alg string) (crypto.Signer, error) {
	switch alg {
	case "RS256", "PS256", rsaEncryption:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case "ES256", ecEncryption:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, errors.New("unknown algorithm")
	}
}

// fits reports whether the key is of the kind that the algorithm needs.
func fits(private crypto.Signer, alg string) bool {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		return alg == "RS256" || alg == "PS256" || alg == rsaEncryption
	case *ecdsa.PrivateKey:
		return p.Curve == elliptic.P256() && (alg == "ES256" || alg == ecEncryption)
	case ed25519.PrivateKey:
		return alg == "EdDSA"
	default:
		return false
	}
}

// publicJWK returns the public key as a JSON Web Key, and its kid: the
// thumbprint of [RFC 7638].
//
// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638
func publicJWK(alg string, private crypto.Signer) (kid string, encoded []byte, err error) {
	jwk := jose.JSONWebKey{Key: private.Public(), Use: use(alg)}
	if jwk.Use == signing {
		jwk.Algorithm = alg
	}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", nil, fmt.Errorf("thumbprint of %s key: %w", alg, err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	encoded, err = jwk.MarshalJSON()
	if err != nil {
		return "", nil, fmt.Errorf("encode public %s key: %w", alg, err)
	}
	return jwk.KeyID, encoded, nil
}

// pss are the options of PS256: a salt as long as the hash, RFC 7518 §3.5.
var pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256} //nolint:gochecknoglobals // does not change

// sign signs as [RFC 7518 §3] and RFC 8037 §3.1 say for the key's algorithm.
//
// [RFC 7518 §3]: https://www.rfc-editor.org/rfc/rfc7518#section-3
func (k *key) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			return nil, err
		}
		signature := make([]byte, 64) // r and s, 32 bytes each
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature, nil
	case ed25519.PrivateKey: // hashes for itself
		return ed25519.Sign(private, input), nil
	default:
		if k.Algorithm == "PS256" {
			return private.Sign(rand.Reader, digest[:], pss)
		}
		return private.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
}

// verify is the reverse of sign. An access token is presented many times, and a
// signature that was good is good.
func (k *key) verify(input, signature []byte) bool {
	digest := sha256.Sum256(input)
	if k.verified.has(digest, signature) {
		return true
	}
	good := k.check(input, digest, signature)
	if good {
		k.verified.add(digest, signature)
	}
	return good
}

func (k *key) check(input []byte, digest [sha256.Size]byte, signature []byte) bool {
	switch public := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, digest[:], r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	case *rsa.PublicKey:
		if k.Algorithm == "PS256" {
			return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	default:
		return false
	}
}

// snapshot is the state of all keys at one time. It does not change.
type snapshot struct {
	readAt time.Time
	all    []*key // in the order in which they become active
	byHead map[string]*key
	jwks   []byte
	etag   string
}

func newSnapshot(keys []*key, now time.Time) *snapshot {
	s := &snapshot{readAt: now, all: keys, byHead: make(map[string]*key, len(keys))}
	var public [][]byte
	for _, k := range keys {
		if use(k.Algorithm) == signing && !k.retired(now) {
			s.byHead[head(k.Algorithm, k.ID)] = k
		}
		if s.shown(k, now) {
			public = append(public, k.jwk)
		}
	}
	s.jwks = fmt.Appendf(nil, `{"keys":[%s]}`, bytes.Join(public, []byte(",")))
	sum := sha256.Sum256(s.jwks)
	s.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return s
}

// find returns the key with the kid, or nil.
func (s *snapshot) find(kid string) *key {
	for _, k := range s.all {
		if k.ID == kid {
			return k
		}
	}
	return nil
}

// newest returns the newest key of the algorithm, or nil.
func (s *snapshot) newest(alg string) *key {
	for _, k := range slices.Backward(s.all) {
		if k.Algorithm == alg {
			return k
		}
	}
	return nil
}

// anyRetired reports whether a key is left to delete.
func (s *snapshot) anyRetired(now time.Time) bool {
	return slices.ContainsFunc(s.all, func(k *key) bool { return k.retired(now) })
}

// active returns the key that is used for the algorithm, or nil: the newest
// whose time has come, or else, when another node's clock is ahead, the first.
func (s *snapshot) active(alg string, now time.Time) *key {
	var active *key
	for _, k := range s.all {
		if k.Algorithm == alg && (active == nil || !now.Before(k.ActiveAt)) {
			active = k
		}
	}
	return active
}
