package resource_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/resource"
)

const audience = "https://api.example"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that the test sets.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// testIssuer is a provider as far as an API sees it.
type testIssuer struct {
	*httptest.Server
	clock   clock
	fetches atomic.Int64 // of the keys

	mu           sync.Mutex
	handler      http.HandlerFunc // instead of everything, if set
	metadata     map[string]any
	cacheControl string
	keys         []any // public JWKs
}

func newIssuer(tb testing.TB) *testIssuer {
	tb.Helper()
	i := &testIssuer{cacheControl: "max-age=300"}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	tb.Cleanup(i.Close)
	i.metadata = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "userinfo_endpoint": i.URL + "/userinfo"}
	return i
}

func (i *testIssuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	handler, metadata, cacheControl, keys := i.handler, i.metadata, i.cacheControl, i.keys
	i.mu.Unlock()
	if r.URL.Path == "/jwks" {
		i.fetches.Add(1)
	}
	switch {
	case handler != nil:
		handler(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		writeJSON(w, metadata)
	case r.URL.Path == "/jwks":
		w.Header().Set("Cache-Control", cacheControl)
		writeJSON(w, map[string]any{"keys": keys})
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test is wrong
	}
	_, _ = w.Write(b)
}

// set changes the issuer under its lock.
func (i *testIssuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// down makes the issuer fail, or work again.
func (i *testIssuer) down(down bool) {
	i.set(func() {
		i.handler = nil
		if down {
			i.handler = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		}
	})
}

func (i *testIssuer) verifier(tb testing.TB) *resource.Verifier {
	tb.Helper()
	v, err := resource.New(resource.Config{Issuer: i.URL, Audience: audience, Now: i.clock.Now})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// signer is a key of the issuer.
type signer struct {
	alg     jose.SignatureAlgorithm
	kid     string
	private crypto.Signer
}

// newKey makes a key that is not published.
func newKey(tb testing.TB, alg jose.SignatureAlgorithm) *signer {
	tb.Helper()
	var private crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return &signer{alg: alg, kid: rand.Text(), private: private}
}

func (s *signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.private.Public(), KeyID: s.kid, Algorithm: string(s.alg), Use: "sig"}
}

// publish makes a key and publishes it.
func (i *testIssuer) publish(tb testing.TB, alg jose.SignatureAlgorithm) *signer {
	tb.Helper()
	s := newKey(tb, alg)
	i.set(func() { i.keys = append(i.keys, s.jwk()) })
	return s
}

// claims are those of a good token, with changes; nil removes one.
func (i *testIssuer) claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "ada", "client_id": "web", "scope": "notes.read notes.write",
		"jti": "t1", "iat": i.clock.Now().Unix(), "exp": i.clock.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// sign signs claims as an access token, with changes to the header.
func (s *signer) sign(tb testing.TB, claims any, header map[string]any) string {
	tb.Helper()
	payload, ok := claims.(string)
	if !ok {
		b, err := json.Marshal(claims)
		if err != nil {
			tb.Fatal(err)
		}
		payload = string(b)
	}
	h := map[string]any{"alg": s.alg, "kid": s.kid, "typ": "at+jwt"}
	maps.Copy(h, header)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(h)
	if err != nil {
		tb.Fatal(err)
	}
	return s.signRaw(tb, string(b), payload)
}

// signRaw signs any header, also such as no library would write.
func (s *signer) signRaw(tb testing.TB, header, payload string) string {
	tb.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	digest := crypto.SHA256.New()
	digest.Write([]byte(input))
	var signature []byte
	var err error
	switch private := s.private.(type) {
	case *ecdsa.PrivateKey:
		r, t, signErr := ecdsa.Sign(rand.Reader, private, digest.Sum(nil))
		if signErr != nil {
			tb.Fatal(signErr)
		}
		signature = make([]byte, 64)
		r.FillBytes(signature[:32])
		t.FillBytes(signature[32:])
	case ed25519.PrivateKey:
		signature = ed25519.Sign(private, []byte(input))
	case *rsa.PrivateKey:
		var opts crypto.SignerOpts = crypto.SHA256
		if strings.HasPrefix(string(s.alg), "PS") {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		signature, err = private.Sign(rand.Reader, digest.Sum(nil), opts)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%s.%s", input, encode(signature))
}
