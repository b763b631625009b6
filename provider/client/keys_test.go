package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// published is a client's server with its keys.
type published struct {
	*httptest.Server
	calls atomic.Int32

	mu   sync.Mutex
	body []byte // nil is an outage
}

func (p *published) publish(t *testing.T, keys ...jose.JSONWebKey) {
	t.Helper()
	body := keySet(t, keys...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = body
}

func (p *published) breakDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = nil
}

func keySet(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// publisher returns a client whose keys are at a jwks_uri, and a clock for them.
func publisher(t *testing.T) (*published, *client.Keys, *storage.Client, *atomic.Int64) {
	t.Helper()
	p := &published{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.calls.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.body == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(p.body)
	}))
	t.Cleanup(p.Close)
	seconds := &atomic.Int64{}
	seconds.Store(1_800_000_000)
	calls, err := outbound.New(outbound.Config{
		HTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Now: func() time.Time { return time.Unix(seconds.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = calls.Close() })
	return p, client.NewKeys(calls), &storage.Client{ID: "app", Metadata: storage.ClientMetadata{JWKSURI: p.URL}}, seconds
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(kid string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid}
}

func signed(t *testing.T, alg, kid string, key crypto.Signer) string {
	t.Helper()
	header := map[string]any{}
	if kid != "" {
		header["kid"] = kid
	}
	return providertest.SignJWT(t, alg, key, map[string]any{"signed": true}, header)
}

// check verifies and compares the error.
func check(t *testing.T, k *client.Keys, c *storage.Client, jws string, want error) {
	t.Helper()
	payload, err := k.Verify(t.Context(), c, jws, "")
	if !errors.Is(err, want) || err == nil && string(payload) != `{"signed":true}` {
		t.Errorf("got %q, %v, want %v", payload, err, want)
	}
}

// OpenID Connect Core §10.1.1: a client rotates its keys by publishing another,
// and an unknown kid is how one learns of it. No more often than every 10 s.
func TestUnknownKidIsReasonToFetchKeysAnew(t *testing.T) {
	t.Parallel()
	p, keys, c, seconds := publisher(t)
	first, second := ecKey(t), ecKey(t)
	p.publish(t, public("first", first))
	check(t, keys, c, signed(t, "ES256", "first", first), nil)
	seconds.Add(60)
	p.publish(t, public("second", second))
	check(t, keys, c, signed(t, "ES256", "first", first), nil) // from memory
	check(t, keys, c, signed(t, "ES256", "second", second), nil)
	check(t, keys, c, signed(t, "ES256", "first", first), client.ErrSignature)
	if n := p.calls.Load(); n != 2 {
		t.Errorf("%d calls", n)
	}
	for range 10 {
		check(t, keys, c, signed(t, "ES256", "third", ecKey(t)), client.ErrSignature)
	}
	check(t, keys, c, signed(t, "ES256", "second", first), client.ErrSignature)
	if n := p.calls.Load(); n != 2 {
		t.Errorf("%d calls within 10 s", n)
	}
	third := ecKey(t)
	p.publish(t, public("", third))
	seconds.Add(10)
	check(t, keys, c, signed(t, "ES256", "", third), nil)
}

// The client's keys are where it says, and nowhere else.
func TestJWKSURIIsPreferred(t *testing.T) {
	t.Parallel()
	p, keys, c, _ := publisher(t)
	stored, fetched := ecKey(t), ecKey(t)
	c.Metadata.JWKS = keySet(t, public("stored", stored))
	p.publish(t, public("fetched", fetched))
	check(t, keys, c, signed(t, "ES256", "fetched", fetched), nil)
	check(t, keys, c, signed(t, "ES256", "stored", stored), client.ErrSignature)
}

// An outage of the client's server is told apart from a wrong signature, and does
// not matter while the keys are known.
func TestOutageOfTheClientsServer(t *testing.T) {
	t.Parallel()
	p, keys, c, seconds := publisher(t)
	key := ecKey(t)
	check(t, keys, c, signed(t, "ES256", "a", key), client.ErrUnreachable)
	p.publish(t, public("a", key))
	seconds.Add(10)
	check(t, keys, c, signed(t, "ES256", "a", key), nil)
	p.breakDown()
	seconds.Add(3600)
	check(t, keys, c, signed(t, "ES256", "a", key), nil)
	seconds.Add(10)
	check(t, keys, c, signed(t, "ES256", "b", key), client.ErrUnreachable)
	if _, err := keys.Encrypt(t.Context(), c, "RSA-OAEP", "A128GCM", "", nil); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	c.Metadata.JWKSURI = "http://10.0.0.1/"
	check(t, keys, c, signed(t, "ES256", "a", key), client.ErrUnreachable)
}

// RFC 7517 §4, RFC 7518 §3: a key is used for what it is for, with its own
// algorithm, if it is long enough.
func TestKeyMustFit(t *testing.T) {
	t.Parallel()
	keys := client.NewKeys(nil)
	ec, rsaKey, weak := ecKey(t), rsaKey(t, 2048), rsaKey(t, 1024)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	many := []jose.JSONWebKey{public("many", ecKey(t)), public("many", ecKey(t)), public("many", ecKey(t)), public("many", ecKey(t))}
	long := strings.Repeat("x", 513)
	set := keySet(t, append(many, public("many", ec),
		public("rsa", rsaKey), public("weak", weak), public(long, ec), public("p384", p384), public("ed", ed), public("twice", rsaKey), public("twice", ec),
		jose.JSONWebKey{Key: ec.Public(), KeyID: "enc", Use: "enc"},
		jose.JSONWebKey{Key: ec.Public(), KeyID: "sig", Use: "sig"},
		jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "ps", Algorithm: "PS256"},
		jose.JSONWebKey{Key: ec, KeyID: "private"},
		jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "oct"},
	)...)
	set = []byte(strings.Replace(string(set), `{"keys":[`, `{"keys":[{"kty":"unknown"},7,{},`, 1))
	c := &storage.Client{Metadata: storage.ClientMetadata{JWKS: set}}
	for jws, want := range map[string]error{
		signed(t, "RS256", "rsa", rsaKey):   nil,
		signed(t, "PS256", "rsa", rsaKey):   nil,
		signed(t, "PS256", "ps", rsaKey):    nil,
		signed(t, "EdDSA", "ed", ed):        nil,
		signed(t, "ES256", "sig", ec):       nil,
		signed(t, "ES256", "twice", ec):     nil,
		signed(t, "RS256", "twice", rsaKey): nil,
		signed(t, "RS256", "ps", rsaKey):    client.ErrSignature,
		signed(t, "RS512", "rsa", rsaKey):   client.ErrSignature,
		signed(t, "RS256", "weak", weak):    client.ErrSignature,
		signed(t, "ES384", "p384", p384):    client.ErrSignature,
		signed(t, "ES256", "enc", ec):       client.ErrSignature,
		signed(t, "ES256", "private", ec):   client.ErrSignature,
		signed(t, "ES256", "many", ec):      client.ErrSignature, // a fifth is not tried
		signed(t, "ES256", long, ec):        client.ErrSignature,
		signed(t, "ES256", "rsa", ec):       client.ErrSignature,
		signed(t, "EdDSA", "", ed):          nil,
		signed(t, "RS256", "", rsaKey):      nil,
		"":                                  client.ErrSignature,
		"a.b.c":                             client.ErrSignature,
		signed(t, "EdDSA", "ed", ed) + "A":  client.ErrSignature,
		"eyJhbGciOiJub25lIn0.eyJhIjoxfQ.":   client.ErrSignature,
		providertest.SignJWT(t, "ES256", ec, nil, map[string]any{"kid": "sig", "crit": []string{"b64"}, "b64": true}):   client.ErrSignature,
		providertest.SignJWT(t, "HS256", []byte("0123456789abcdef0123456789abcdef"), nil, map[string]any{"kid": "oct"}): client.ErrSignature,
	} {
		check(t, keys, c, jws, want)
	}
	if _, err := keys.Verify(t.Context(), c, signed(t, "RS256", "rsa", rsaKey), "PS256"); !errors.Is(err, client.ErrSignature) {
		t.Errorf("an algorithm that was not asked for: %v", err)
	}
	for _, jwks := range []string{"", "null", "[]", `{"keys":null}`, `{"keys":[]}`, "<html>"} {
		c := &storage.Client{Metadata: storage.ClientMetadata{JWKS: []byte(jwks)}}
		check(t, keys, c, signed(t, "RS256", "rsa", rsaKey), client.ErrSignature)
	}
}

// OpenID Connect Core §10.2: what is for the client is encrypted to its key for
// encryption, by every algorithm that can be registered.
func TestEncryptionIsToTheClientsKey(t *testing.T) {
	t.Parallel()
	p, keys, c, seconds := publisher(t)
	rsaKey, ec, other := rsaKey(t, 2048), ecKey(t), ecKey(t)
	p.publish(t, public("old", ec))
	if _, err := keys.Encrypt(t.Context(), c, "RSA-OAEP", "A128GCM", "JWT", nil); !errors.Is(err, client.ErrNoKey) {
		t.Errorf("got %v", err)
	}
	p.publish(t, jose.JSONWebKey{Key: other.Public(), KeyID: "sig", Use: "sig"}, public("any", other),
		jose.JSONWebKey{Key: ec.Public(), KeyID: "ec", Use: "enc"}, jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "rsa", Use: "enc"})
	seconds.Add(600)
	for alg, private := range map[string]any{
		"RSA-OAEP": rsaKey, "RSA-OAEP-256": rsaKey, "ECDH-ES": ec, "ECDH-ES+A128KW": ec, "ECDH-ES+A256KW": ec,
	} {
		for _, enc := range []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"} {
			text, err := keys.Encrypt(t.Context(), c, alg, enc, "JWT", []byte("told"))
			if err != nil {
				t.Fatalf("%s, %s: %v", alg, enc, err)
			}
			jwe, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
			if err != nil {
				t.Fatal(err)
			}
			plain, err := jwe.Decrypt(private)
			if err != nil || string(plain) != "told" || jwe.Header.ExtraHeaders["cty"] != "JWT" {
				t.Errorf("%s, %s: got %q, %v, cty %v", alg, enc, plain, err, jwe.Header.ExtraHeaders["cty"])
			}
			if kid := jwe.Header.KeyID; kid != "rsa" && kid != "ec" {
				t.Errorf("%s: kid %q", alg, kid)
			}
		}
	}
	if _, err := keys.Encrypt(t.Context(), c, "ECDH-ES", "A128GCM", "", nil); err != nil {
		t.Error(err)
	}
	if _, err := keys.Encrypt(t.Context(), c, "RSA1_5", "A128GCM", "", nil); !errors.Is(err, client.ErrNoKey) {
		t.Errorf("got %v", err)
	}
	if _, err := keys.Encrypt(t.Context(), c, "RSA-OAEP", "A1GCM", "", nil); err == nil || errors.Is(err, client.ErrNoKey) {
		t.Errorf("got %v", err)
	}
}

// RFC 7517 §5: keys that nothing can be encrypted with are as good as none.
func TestNonsenseIsNoKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	even := new(big.Int).Add(key.N, big.NewInt(1))
	for name, public := range map[string]*rsa.PublicKey{
		"an even modulus": {N: even, E: key.E}, "exponent 1": {N: key.N, E: 1}, "an even exponent": {N: key.N, E: 65536},
		"a large exponent": {N: key.N, E: 1<<31 + 1},
	} {
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.NewKeys(nil).Encrypt(t.Context(), &storage.Client{Metadata: storage.ClientMetadata{JWKS: set}},
			"RSA-OAEP-256", "A128GCM", "", []byte("text"))
		if !errors.Is(err, client.ErrNoKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
