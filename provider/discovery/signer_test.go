package discovery_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// signers are the keys of a client that has one for each algorithm.
type signers struct {
	*providertest.Provider
	keys map[string]crypto.Signer
}

func registerSigner(t *testing.T, p *providertest.Provider, algorithms []string) *signers {
	t.Helper()
	s := &signers{p, map[string]crypto.Signer{}}
	var set jose.JSONWebKeySet
	for _, alg := range algorithms {
		var err error
		switch alg {
		case "RS256", "PS256":
			s.keys[alg], err = rsa.GenerateKey(rand.Reader, 2048)
		case "ES256":
			s.keys[alg], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case "EdDSA":
			_, s.keys[alg], err = ed25519.GenerateKey(rand.Reader)
		default:
			t.Fatalf("%s is not tested", alg)
		}
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.keys[alg].Public(), Algorithm: alg, KeyID: alg})
	}
	encoded, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	p.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		GrantTypes: []string{"authorization_code"}, TokenEndpointAuthMethod: "private_key_jwt", JWKS: encoded,
	})
	return s
}

// assert adds an assertion that is signed with the algorithm to the form.
func (s *signers) assert(t *testing.T, form url.Values, alg string) url.Values {
	t.Helper()
	assertion := providertest.SignJWT(t, alg, s.keys[alg], map[string]any{
		"iss": "signer", "sub": "signer", "aud": s.Config.Issuer, "jti": rand.Text(), "exp": s.Clock.Now().Unix() + 60,
	}, map[string]any{"kid": alg})
	return providertest.With(form, "client_assertion", assertion,
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}
