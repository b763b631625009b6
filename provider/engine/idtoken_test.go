package engine_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// OpenID Connect Core §2 and §3.1.3.6, for each algorithm that a client can
// register: the claims, and that the published key fits.
func TestIDTokenClaims(t *testing.T) {
	t.Parallel()
	for registered, alg := range map[string]string{"": "RS256", "RS256": "RS256", "ES256": "ES256", "PS256": "PS256", "EdDSA": "EdDSA"} {
		t.Run("registered "+registered, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
				c.Keys.Algorithms = []string{"RS256", "ES256", "PS256", "EdDSA"}
			}})
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.IDTokenSignedResponseAlg = registered })
			signedIn := p.Clock.Now()
			code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
			grant := p.GrantOf(t, code)
			p.Clock.Advance(5 * time.Second)
			tokens := p.Granted(t, providertest.CodeForm(code))

			claims := verify(t, p, tokens.Get("id_token"), alg, "JWT")
			want := map[string]any{
				"iss": p.Config.Issuer, "sub": providertest.UserID, "aud": providertest.ClientID,
				"iat": float64(signedIn.Unix() + 5), "exp": float64(signedIn.Unix() + 5 + 600),
				"auth_time": float64(signedIn.Unix()), "amr": []any{"pwd"},
				"acr": "urn:gatelodge:acr:password", "nonce": "a-nonce", "sid": grant.SID,
				"at_hash": leftHalf(alg, tokens.Get("access_token")),
			}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			refreshed := p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
			again := verify(t, p, refreshed.Get("id_token"), alg, "JWT")
			if again["at_hash"] != leftHalf(alg, refreshed.Get("access_token")) {
				t.Error("at_hash after a refresh is not of the new access token")
			}
		})
	}
}

// verify checks a JWT of ours with the published keys, as a client does.
func verify(t *testing.T, p *providertest.Provider, token, alg, typ string) (claims map[string]any) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(p.Get(t, p.Client(), "/.well-known/jwks.json").Body), &set); err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	header := jws.Signatures[0].Protected
	if header.ExtraHeaders["typ"] != typ {
		t.Errorf("typ is %v, want %s", header.ExtraHeaders["typ"], typ)
	}
	keys := set.Key(header.KeyID)
	if len(keys) != 1 || keys[0].Algorithm != alg {
		t.Fatalf("kid %q names %d keys", header.KeyID, len(keys))
	}
	payload, err := jws.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// leftHalf is at_hash. Ed25519's hash is SHA-512.
func leftHalf(alg, token string) string {
	if alg == "EdDSA" {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// OpenID Connect Core §3.1.2.1: without openid it is OAuth, and nobody is told
// who the person is.
func TestNoIDTokenWithoutOpenID(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	params := providertest.AuthorizeParams(map[string]string{"scope": "profile offline_access"})
	tokens := p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), params)))
	refreshed := p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
	if tokens.Get("id_token") != "" || refreshed.Get("id_token") != "" {
		t.Error("an ID token without openid")
	}
	if res := p.Bearer(t, "/userinfo", tokens.Get("access_token")); res.StatusCode != http.StatusForbidden {
		t.Errorf("userinfo without openid: status %d", res.StatusCode)
	}
}

// OpenID Connect Core §2: nonce comes back as it was sent, and not if it was not.
func TestNonceComesBackAsSent(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := providertest.Browser(t)
	for _, nonce := range []string{"n", "näive \"+&=\\ \u2603", ""} {
		code := p.Code(t, browser, providertest.AuthorizeParams(map[string]string{"nonce": nonce}))
		_, claims := providertest.JWT(t, p.Granted(t, providertest.CodeForm(code)).Get("id_token"))
		if got, _ := claims["nonce"].(string); got != nonce {
			t.Errorf("nonce %q came back as %q", nonce, got)
		}
	}
}

// Scopes release claims at userinfo, OpenID Connect Core §5.4, and in the ID
// token only to clients that registered so.
func TestIDTokenUserClaimsAreForClientsThatRegisteredSo(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.IDTokenUserClaims = true })
	_, claims := providertest.JWT(t, p.Tokens(t).Get("id_token"))
	if claims["name"] != "Alex Sample" || claims["email"] != providertest.Username || claims["phone_number"] != nil {
		t.Errorf("got %v", claims)
	}
}
