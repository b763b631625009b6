package provider_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const secret = providertest.ClientSecret

// request sends one request.
type request func() providertest.Response

// Latency is round trips. Each endpoint of the back channel keeps to its budget,
// when everything that can be remembered has just been forgotten, and when it
// has not.
func TestBackChannelKeepsToItsRoundTrips(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cold, warm int
		prepare    func(*testing.T, *providertest.Provider) request
	}{
		"discovery":          {0, 0, get("/.well-known/openid-configuration")},
		"JWKS":               {0, 0, get("/.well-known/jwks.json")},
		"client_credentials": {1, 0, clientCredentials},
		"client_credentials with an opaque token": {2, 1, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			p.ChangeClient(t, providertest.MachineID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = "opaque" })
			return clientCredentials(t, p)
		}},
		"client_credentials with private_key_jwt": {2, 1, clientCredentialsByKey},
		"a wrong secret": {1, 0, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return token(t, p, url.Values{"grant_type": {"client_credentials"}}, providertest.MachineID, "wrong")
		}},
		"code exchange": {2, 2, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return token(t, p, providertest.CodeForm(p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))))
		}},
		"code exchange, replayed": {2, 2, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			form := providertest.CodeForm(p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil)))
			p.Granted(t, form)
			return token(t, p, providertest.With(form, "code_verifier", ""))
		}},
		"refresh": {2, 2, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return token(t, p, providertest.RefreshForm(p.Tokens(t).Get("refresh_token")))
		}},
		"password": {3, 2, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return token(t, p, url.Values{
				"grant_type": {"password"}, "username": {"alex"}, "password": {providertest.Password}, "scope": {"openid"},
			})
		}},
		"introspection of a JWT": {1, 1, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return about(t, p, "/introspect", providertest.APIClientID, p.Tokens(t).Get("access_token"))
		}},
		"introspection of a refresh token": {1, 1, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return about(t, p, "/introspect", providertest.ClientID, p.Tokens(t).Get("refresh_token"))
		}},
		"introspection of an opaque token": {1, 1, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = "opaque" })
			return about(t, p, "/introspect", providertest.APIClientID, p.Tokens(t).Get("access_token"))
		}},
		"userinfo": {1, 1, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			tokens := p.Tokens(t)
			return func() providertest.Response { return p.Bearer(t, "/userinfo", tokens.Get("access_token")) }
		}},
		"revocation": {2, 2, func(t *testing.T, p *providertest.Provider) request {
			t.Helper()
			return about(t, p, "/revoke", providertest.ClientID, p.Tokens(t).Get("refresh_token"))
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trips storagetest.RoundTrips
			p := providertest.New(t, providertest.Options{
				Store:     providertest.Postgres(t, pgtest.NewDatabase(t), &trips),
				Configure: func(c *config.Config) { c.Grants.Password = true },
			})
			for _, state := range []string{"cold", "warm"} {
				send, want := test.prepare(t, p), test.warm
				if state == "cold" {
					want = test.cold
					forget(t, p)
				} else {
					remember(t, p)
				}
				trips.Reset()
				res := send()
				if res.StatusCode >= http.StatusInternalServerError {
					t.Errorf("status %d: %s", res.StatusCode, res.Body)
				}
				if got := trips.Count(); got > want {
					t.Errorf("%s: %d round trips, want %d", state, got, want)
				}
			}
		})
	}
}

// forget lets so much time pass that no client is remembered, nor the catalogue.
// The keys are, which are looked after in the background.
func forget(t *testing.T, p *providertest.Provider) {
	t.Helper()
	p.Clock.Advance(client.Freshness)
	if err := p.Keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// remember makes the provider remember all of them.
func remember(t *testing.T, p *providertest.Provider) {
	t.Helper()
	for _, id := range []string{providertest.ClientID, providertest.MachineID, providertest.APIClientID} {
		p.Token(t, providertest.RefreshForm("glr_unknown"), id, secret)
	}
	p.Token(t, providertest.With(providertest.RefreshForm("glr_unknown"), "client_id", providertest.PublicID), "")
}

func get(path string) func(*testing.T, *providertest.Provider) request {
	return func(t *testing.T, p *providertest.Provider) request {
		t.Helper()
		return func() providertest.Response { return p.Get(t, p.Client(), path) }
	}
}

func token(t *testing.T, p *providertest.Provider, form url.Values, basic ...string) request {
	t.Helper()
	return func() providertest.Response { return p.Token(t, form, basic...) }
}

func clientCredentials(t *testing.T, p *providertest.Provider) request {
	t.Helper()
	return token(t, p, url.Values{"grant_type": {"client_credentials"}}, providertest.MachineID, secret)
}

func about(t *testing.T, p *providertest.Provider, path, client, token string) request {
	t.Helper()
	form := url.Values{"token": {token}}
	return func() providertest.Response { return p.Post(t, p.Client(), path, form, client, secret) }
}

// clientCredentialsByKey has one client use two assertions: only the second
// request finds it remembered.
func clientCredentialsByKey(t *testing.T, p *providertest.Provider) request {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public}}})
	if err != nil {
		t.Fatal(err)
	}
	p.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		GrantTypes: []string{"client_credentials"}, Scope: providertest.APIScope,
		TokenEndpointAuthMethod: "private_key_jwt", JWKS: set,
	})
	p.Token(t, providertest.With(providertest.RefreshForm("glr_x"), "client_id", "signer"), "")
	return func() providertest.Response {
		assertion := providertest.SignJWT(t, "EdDSA", private, map[string]any{
			"iss": "signer", "sub": "signer", "aud": p.Config.Issuer, "jti": rand.Text(), "exp": p.Clock.Now().Unix() + 60,
		}, nil)
		return p.Token(t, url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}, "")
	}
}
