package clientauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// jwksServer is a client's server, with TLS and its keys.
type jwksServer struct {
	*httptest.Server
	body atomic.Pointer[[]byte]
}

func newJWKSServer(t *testing.T) *jwksServer {
	t.Helper()
	s := &jwksServer{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if body := s.body.Load(); body != nil {
			_, _ = w.Write(*body)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *jwksServer) publish(t *testing.T, kid string, key crypto.Signer) {
	t.Helper()
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.body.Store(&body)
}

// trusting returns a provider that may call the server.
func trusting(t *testing.T, s *jwksServer) *providertest.Provider {
	t.Helper()
	return providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Outbound = providertest.Outbound(t, s.Server)
	}})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// withJWKSURI registers the signer with its keys at the server.
func withJWKSURI(t *testing.T, p *providertest.Provider, s *jwksServer, key crypto.Signer) *signer {
	t.Helper()
	p.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, JWKSURI: s.URL + "/jwks.json", TokenEndpointAuthMethod: "private_key_jwt",
		GrantTypes: []string{"client_credentials", "authorization_code", "refresh_token"},
	})
	return &signer{p, key}
}

func (s *signer) signedWith(t *testing.T, kid string, key crypto.Signer) string {
	t.Helper()
	return providertest.SignJWT(t, "ES256", key, s.claims(nil), map[string]any{"kid": kid})
}

// oidcc-registration-jwks-uri: a client's keys are fetched from its jwks_uri, at
// each endpoint that authenticates clients.
func TestRegistrationJWKSURI(t *testing.T) {
	t.Parallel()
	server, key := newJWKSServer(t), newKey(t)
	server.publish(t, "a-key", key)
	s := withJWKSURI(t, trusting(t, server), server, key)
	tokens := s.Granted(t, withAssertion(clientCredentials(), s.sign(t, nil)), "")
	token := url.Values{"token": {tokens.Get("access_token")}}
	if got := s.Post(t, s.Client(), "/introspect", withAssertion(token, s.sign(t, nil))).JSON(t); got["active"] != true {
		t.Errorf("got %v", got)
	}
	if res := s.Post(t, s.Client(), "/revoke", withAssertion(token, s.sign(t, nil))); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	refused(t, s.token(t, s.signedWith(t, "a-key", newKey(t))))
}

// oidcc-refresh-token-rp-key-rotation: the client swaps its keys and refreshes
// with the new one, which has a kid that was never seen.
func TestRefreshTokenRPKeyRotation(t *testing.T) {
	t.Parallel()
	server, first, second := newJWKSServer(t), newKey(t), newKey(t)
	server.publish(t, "a-key", first)
	s := withJWKSURI(t, trusting(t, server), server, first)
	code := s.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{
		"client_id": "signer", "scope": "openid offline_access", "prompt": "consent",
	}))
	tokens := s.Granted(t, withAssertion(providertest.CodeForm(code), s.sign(t, nil)), "")
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Get("refresh_token")}}

	server.publish(t, "b-key", second)
	s.Clock.Advance(time.Minute)
	refused(t, s.Token(t, withAssertion(refresh, s.signedWith(t, "b-key", first)), ""))
	s.Granted(t, withAssertion(refresh, s.signedWith(t, "b-key", second)), "")
	refused(t, s.token(t, s.sign(t, nil)))
}

// RFC 6749 §5.2: keys that cannot be fetched are the client's to mend. No jti is
// burnt by it.
func TestOutageOfTheJWKSURIIsARefusal(t *testing.T) {
	t.Parallel()
	server, key := newJWKSServer(t), newKey(t)
	s := withJWKSURI(t, trusting(t, server), server, key)
	assertion := s.sign(t, nil)
	refused(t, s.token(t, assertion))
	server.publish(t, "a-key", key)
	s.Clock.Advance(10 * time.Second)
	if res := s.token(t, assertion); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
}

// OpenID Connect Registration §2: token_endpoint_auth_signing_alg must be used
// where it was registered.
func TestAssertionHasTheRegisteredAlgorithm(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}})
	if err != nil {
		t.Fatal(err)
	}
	s.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		GrantTypes: []string{"client_credentials"}, JWKS: set,
		TokenEndpointAuthMethod: "private_key_jwt", TokenEndpointAuthSigningAlg: "PS256",
	})
	s.Clock.Advance(time.Minute) // the directory remembers the client
	refused(t, s.token(t, providertest.SignJWT(t, "RS256", key, s.claims(nil), nil)))
	if res := s.token(t, providertest.SignJWT(t, "PS256", key, s.claims(nil), nil)); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
}

// RFC 9864 §2.2: libraries have begun to call EdDSA with an Ed25519 key Ed25519. A
// client that registered EdDSA may use them, and nobody else's key will do.
func TestEd25519IsEdDSA(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, Algorithm: "EdDSA"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		GrantTypes: []string{"client_credentials"}, JWKS: set,
		TokenEndpointAuthMethod: "private_key_jwt", TokenEndpointAuthSigningAlg: "EdDSA",
	})
	s.Clock.Advance(time.Minute) // the directory remembers the client
	sign := func(key ed25519.PrivateKey) string {
		claims, err := json.Marshal(s.claims(nil))
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		input := encode([]byte(`{"alg":"Ed25519"}`)) + "." + encode(claims)
		return input + "." + encode(ed25519.Sign(key, []byte(input)))
	}
	if res := s.token(t, sign(private)); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	refused(t, s.token(t, sign(foreign)))
}
