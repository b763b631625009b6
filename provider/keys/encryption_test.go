package keys

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// toEncrypt returns the published keys that a client can encrypt with, by kty.
func toEncrypt(tb testing.TB, r *Ring) map[string]jose.JSONWebKey {
	tb.Helper()
	body, _ := r.JWKS()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		tb.Fatal(err)
	}
	found := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var members struct{ Kty, Use string }
		var jwk jose.JSONWebKey
		if err := errors.Join(json.Unmarshal(raw, &members), json.Unmarshal(raw, &jwk)); err != nil {
			tb.Fatal(err)
		}
		if members.Use != "enc" {
			continue
		}
		if _, ok := found[members.Kty]; ok {
			tb.Errorf("two keys to encrypt with of type %s", members.Kty)
		}
		found[members.Kty] = jwk
	}
	return found
}

// encrypt encrypts as a client does.
func encrypt(
	tb testing.TB, key any, alg jose.KeyAlgorithm, enc jose.ContentEncryption, change func(*jose.EncrypterOptions),
) string {
	tb.Helper()
	options := &jose.EncrypterOptions{}
	if change != nil {
		change(options)
	}
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key}, options)
	if err != nil {
		tb.Fatal(err)
	}
	jwe, err := encrypter.Encrypt([]byte("a request"))
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func kty(alg string) string {
	if strings.HasPrefix(alg, "RSA") {
		return "RSA"
	}
	return "EC"
}

// OpenID Connect Core §10.2: what is encrypted with a published key, with each of
// the algorithms that discovery names, with its kid or without.
func TestWhatIsEncryptedToUsIsDecrypted(t *testing.T) {
	t.Parallel()
	r := newRing(t, es256, newStore(t), &clock{})
	published := toEncrypt(t, r)
	for _, alg := range oauth.KeyManagementAlgorithms() {
		for _, enc := range oauth.ContentEncryptionAlgorithms() {
			jwk := published[kty(alg)]
			if jwk.KeyID == "" || jwk.Algorithm != "" || !jwk.IsPublic() {
				t.Fatalf("published %q for %q", jwk.KeyID, jwk.Algorithm)
			}
			for name, key := range map[string]any{"kid": jwk, "no kid": jwk.Key} {
				token := encrypt(t, key, jose.KeyAlgorithm(alg), jose.ContentEncryption(enc), nil)
				plaintext, err := r.Decrypt(t.Context(), token)
				if err != nil || string(plaintext) != "a request" {
					t.Errorf("%s, %s, %s: %q, %v", alg, enc, name, plaintext, err)
				}
			}
		}
	}
}

// RFC 7516 §5.2, RFC 8725 §3.1, §3.2 and §3.6: no other algorithm, no other key,
// nothing compressed, nothing critical, nothing altered.
func TestWhatCannotBeDecryptedIsInvalid(t *testing.T) {
	t.Parallel()
	r := newRing(t, Config{Algorithms: []string{"RS256", "ES256"}}, newStore(t), &clock{})
	published := toEncrypt(t, r)
	rsaKey, ecKey := published["RSA"], published["EC"]
	good := encrypt(t, rsaKey, jose.RSA_OAEP, jose.A128GCM, nil)
	parts := strings.Split(good, ".")
	signer := r.current.Load().newest("RS256")
	named := func(kid string) jose.JSONWebKey { return jose.JSONWebKey{Key: rsaKey.Key, KeyID: kid} }
	headed := func(header string) string {
		return b64.EncodeToString([]byte(header)) + "." + strings.Join(parts[1:], ".")
	}
	flipped := []byte(good)
	flipped[len(flipped)-2] ^= 1
	for name, token := range map[string]string{
		"empty":       "",
		"a signature": sign(t, r, "RS256"),
		"four parts":  strings.Join(parts[:4], "."),
		"six parts":   good + ".",
		"line break":  good[:50] + "\n" + good[50:],
		"altered":     string(flipped),
		"no key":      parts[0] + ".." + strings.Join(parts[2:], "."),
		"RSA1_5":      encrypt(t, rsaKey, jose.RSA1_5, jose.A128GCM, nil),
		"A192GCM":     encrypt(t, rsaKey, jose.RSA_OAEP, jose.A192GCM, nil),
		"ECDH 192":    encrypt(t, ecKey, jose.ECDH_ES_A192KW, jose.A128GCM, nil),
		"dir":         encrypt(t, make([]byte, 16), jose.DIRECT, jose.A128GCM, nil),
		"PBES2":       encrypt(t, "password", jose.PBES2_HS256_A128KW, jose.A128GCM, nil),
		"zip":         encrypt(t, rsaKey, jose.RSA_OAEP, jose.A128GCM, func(o *jose.EncrypterOptions) { o.Compression = jose.DEFLATE }),
		"zip in name": headed(`{"alg":"RSA-OAEP","enc":"A128GCM","zip":""}`),
		"crit": encrypt(t, rsaKey, jose.RSA_OAEP, jose.A128GCM, func(o *jose.EncrypterOptions) {
			o.WithHeader("crit", []string{"exp"}).WithHeader("exp", 1)
		}),
		"unknown kid":               encrypt(t, named(strings.Repeat("A", 43)), jose.RSA_OAEP, jose.A128GCM, nil),
		"kid of the other key":      encrypt(t, named(ecKey.KeyID), jose.RSA_OAEP, jose.A128GCM, nil),
		"not on the curve":          headed(`{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`),
		"another curve":             headed(`{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`),
		"to a key that signs":       encrypt(t, jose.JSONWebKey{Key: signer.private.Public(), KeyID: signer.ID}, jose.RSA_OAEP, jose.A128GCM, nil),
		"to such a key, no kid":     encrypt(t, signer.private.Public(), jose.RSA_OAEP, jose.A128GCM, nil),
		"longer than anybody sends": good + strings.Repeat("A", maxEncrypted),
	} {
		if _, err := r.Decrypt(t.Context(), token); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7517 §4.2: a key to encrypt with signs nothing, and verifies nothing.
func TestKeysToEncryptWithDoNotSign(t *testing.T) {
	t.Parallel()
	r := newRing(t, es256, newStore(t), &clock{})
	for _, alg := range encryptions() {
		if _, err := r.Sign(t.Context(), alg, "JWT", nil); err == nil {
			t.Errorf("signed with %s", alg)
		}
	}
	k := r.current.Load().newest(ecEncryption)
	for _, alg := range []string{"ES256", ecEncryption} {
		input := b64.EncodeToString([]byte(head(alg, k.ID)+tail("JWT"))) + ".e30"
		signature, err := k.sign([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Verify(t.Context(), input+"."+b64.EncodeToString(signature), "JWT"); !errors.Is(err, ErrInvalid) {
			t.Errorf("verified %s: %v", alg, err)
		}
	}
}

// OpenID Connect Core §10.2.1: a client never sees two keys to choose from, and what
// it encrypts by an old copy of the JWK Set is decrypted for a time.
func TestEncryptionKeyIsRotated(t *testing.T) {
	t.Parallel()
	store, c := newStore(t), &clock{}
	r, other := newRing(t, es256, store, c), newRing(t, es256, store, c)
	first := toEncrypt(t, r)["EC"]
	before := encrypt(t, first, jose.ECDH_ES, jose.A256GCM, nil)
	next, err := r.Rotate(t.Context(), ecEncryption)
	if err != nil || next.Use != "enc" || next.State != Next {
		t.Fatal(next, err)
	}
	if got := toEncrypt(t, r)["EC"].KeyID; got != first.KeyID {
		t.Errorf("before its time, %s is published", got)
	}
	c.Advance(publishAhead)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := toEncrypt(t, r)["EC"]
	if second.KeyID != next.ID {
		t.Errorf("published %s, want the next key", second.KeyID)
	}
	after := encrypt(t, second, jose.ECDH_ES, jose.A256GCM, nil)
	c.Advance(DefaultKeepAfter - time.Microsecond)
	for name, ring := range map[string]*Ring{"here": r, "on another node": other} {
		for _, token := range []string{before, after} {
			if _, err := ring.Decrypt(t.Context(), token); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	c.Advance(time.Microsecond)
	if _, err := r.Decrypt(t.Context(), before); !errors.Is(err, ErrInvalid) {
		t.Errorf("after KeepAfter: %v", err)
	}
}

// A key that another node has published is looked for, and not to know it is not to
// refuse it.
func TestUnknownEncryptionKeyIsLookedFor(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	r := New(es256, store, secrets(t, masterSecret), c.Now, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = r.Close() })
	token := encrypt(t, toEncrypt(t, newRing(t, es256, store, c))["RSA"], jose.RSA_OAEP_256, jose.A256GCM, nil)
	r.current.Store(&snapshot{readAt: c.Now()}) // from before there were keys
	store.down.Store(true)
	if _, err := r.Decrypt(t.Context(), token); !errors.Is(err, errDown) || errors.Is(err, ErrInvalid) {
		t.Errorf("in an outage: %v", err)
	}
	store.down.Store(false)
	c.Advance(reloadGap)
	if _, err := r.Decrypt(t.Context(), token); err != nil {
		t.Error(err)
	}
}

// In a rolling update, a later version's keys are of no concern to this one.
func TestKeyOfALaterVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	store, c := newStore(t), &clock{}
	if err := store.AddSigningKey(t.Context(), storage.SigningKey{
		ID: "later", Algorithm: "ML-DSA-65", PublicJWK: []byte("{}"), SealedKey: []byte("?"), CreatedAt: start, ActiveAt: start,
	}, "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	r := newRing(t, es256, store, c)
	if got := published(t, r); len(got) != 1 {
		t.Errorf("published %v", got)
	}
}

func FuzzDecrypt(f *testing.F) {
	r := newRing(f, es256, newStore(f), &clock{})
	published := toEncrypt(f, r)
	good := map[string]bool{}
	for _, alg := range oauth.KeyManagementAlgorithms() {
		token := encrypt(f, published[kty(alg)], jose.KeyAlgorithm(alg), jose.A128CBC_HS256, nil)
		good[token] = true
		f.Add(token)
	}
	f.Add("....")
	f.Fuzz(func(t *testing.T, altered string) {
		_, err := r.Decrypt(t.Context(), altered)
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
		if err == nil && !good[altered] && strings.Count(altered, ".") != 4 {
			t.Error("decrypted what is no JWE")
		}
	})
}
