package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// openid-client for Node.js, which knows us by our issuer only: discovery, the
// code flow with PKCE, state and nonce, userinfo, refresh, introspection and
// revocation, with each way to authenticate a client and both usual response
// modes.
func TestOpenIDClientSignsIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		n, key := newNode(t, p, "openid-client.mjs"), p.registerKeyClient(t)
		for name, in := range map[string]object{
			"basic":     {"client_id": "web"},
			"form_post": {"client_id": "web", "parameters": object{"response_mode": "form_post"}},
			"secret_post": {
				"client_id": "post", "method": "client_secret_post",
			},
			"private_key_jwt": {"client_id": "key", "method": "private_key_jwt", "private_key": key},
			"public":          {"client_id": "native", "redirect_uri": "http://127.0.0.1:49152/callback", "method": "none"},
		} {
			t.Run(name, func(t *testing.T) {
				want := object{
					"sub": providertest.UserID, "email": providertest.Username,
					"refreshed_sub": providertest.UserID, "rotated": true, "refreshed_works": true,
					"after_revocation": "invalid_grant",
				}
				if name != "public" {
					in["redirect_uri"] = providertest.RedirectURI
					want["introspected"] = []any{true, providertest.UserID, in["client_id"]}
					want["introspected_after"] = false
				}
				in["client_secret"] = providertest.ClientSecret
				n.does(t, "code", in, want)
			})
		}
		t.Run("client_credentials", func(t *testing.T) {
			n.does(t, "machine", object{
				"client_id": "machine", "client_secret": providertest.ClientSecret,
				"scope": providertest.APIScope, "resource": providertest.API,
			}, object{
				"active": true, "sub": "machine", "scope": providertest.APIScope, "aud": providertest.API,
				"after_revocation": false, "wrong_resource": "invalid_target",
			})
		})
	})
}

// Every response type and mode that openid-client knows, with all its validation:
// it registers itself, signs a person in by the pages and then without a word.
func TestOpenIDClientValidatesEveryFlow(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		n := newNode(t, p, "openid-client.mjs")
		for name, in := range flows(map[string][]string{
			"code": {"", "query", "form_post"}, "id_token": {"", "fragment", "form_post"}, "code id_token": {"", "fragment", "form_post"},
		}) {
			t.Run(name, func(t *testing.T) {
				n.does(t, "authenticate", in, object{
					"sub": providertest.UserID, "email": providertest.Username, "again": providertest.UserID, "same_sign_in": true,
				})
			})
		}
	}, everything()...)
}

// OpenID Connect Core §8: a pairwise sub is the same wherever openid-client meets
// it, another for each site, and not the person's own.
func TestOpenIDClientPairwise(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "openid-client.mjs")
	got := n.do(t, "pairwise", nil)
	if got["sub"] == providertest.UserID {
		t.Error("the sub is the person's own")
	}
	delete(got, "sub")
	if diff := cmp.Diff(object{"same_site": true, "other_site": false, "introspected": true}, got); diff != "" {
		t.Error(diff)
	}
}

// RFC 7591 §3: a client that has an initial access token registers itself, others
// do not.
func TestOpenIDClientRegisters(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "", append(everything(), "GATELODGE_REGISTRATION_POLICY=token")...)
	newNode(t, p, "openid-client.mjs").does(t, "registration", object{
		"initial_access_token": p.initialAccessToken(t),
		"metadata":             object{"client_name": "Notes for all"},
	}, object{"refused": "bearer", "name": "Notes for all", "sub": providertest.UserID})
}

// initialAccessToken makes one for one registration.
func (p *provider) initialAccessToken(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(program("gatelodge"), "client", "token", "create", "-o", "json")
	cmd.Dir, cmd.Env, cmd.Stderr = p.dir, p.env, t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// What the provider fetches from a client by itself: its keys, to authenticate it
// and to encrypt to it, its request object, and the list of the sites that are one
// sector.
func TestOpenIDClientPublishes(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "openid-client.mjs")
	n.does(t, "published", nil, object{"same_sector": true, "email": providertest.Username})
}

// OpenID Connect RP-Initiated Logout §2 and §3: openid-client signs a person out,
// with the ID token as a hint, also one that it has decrypted, and without.
func TestOpenIDClientSignsOut(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "openid-client.mjs")
	for name, in := range map[string]object{
		"hint":           {},
		"decrypted hint": {"metadata": object{"id_token_encrypted_response_alg": "ECDH-ES"}},
		"pairwise":       {"metadata": object{"subject_type": "pairwise"}},
		"confirmed":      {"hint": false},
	} {
		t.Run(name, func(t *testing.T) {
			n.does(t, "signOut", in, object{"left": "https://app.example/signed-out", "state": true, "then": "login_required"})
		})
	}
}

// registerKeyClient registers a client that authenticates with a key, and
// returns the private key as a JWK.
func (p *provider) registerKeyClient(t *testing.T) json.RawMessage {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: private, KeyID: "key-1", Algorithm: "ES256"}
	secret, err := jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	public, err := jwk.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	p.apply(t, strings.ReplaceAll(`clients:
  - client_id: key
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
    token_endpoint_auth_method: private_key_jwt
    jwks: {keys: [KEY]}
`, "KEY", string(public)))
	return secret
}
