package authorize_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// signer gives the web client a key, and returns what signs its request objects.
func signer(t *testing.T, p *providertest.Provider) func(changes map[string]any) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.JWKS = set })
	return func(changes map[string]any) string {
		claims := map[string]any{
			"iss": providertest.ClientID, "aud": p.Config.Issuer, "exp": p.Clock.Now().Add(5 * time.Minute).Unix(),
		}
		for name, values := range params() {
			claims[name] = values[0]
		}
		for name, value := range changes {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return providertest.SignJWT(t, "ES256", key, claims, map[string]any{"kid": "k"})
	}
}

func object(token string, changes ...string) url.Values {
	form := url.Values{"client_id": {providertest.ClientID}, "request": {token}}
	return providertest.With(form, changes...)
}

// OpenID Connect Core §6.1 and RFC 9101 §6.3: what the object says counts, with its
// numbers, objects and all, and what is beside it does not.
func TestRequestObjectWins(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	sign := signer(t, p)
	browser := signedIn(t, p)
	p.Clock.Advance(time.Minute)
	res := p.Authorize(t, browser, object(
		sign(map[string]any{"state": "inner", "nonce": "inner"}), "state", "outer", "prompt", "login", "redirect_uri", "https://evil.example"))
	_, answer := res.Redirect(t)
	if answer.Get("state") != "inner" {
		t.Errorf("answer: %v", answer)
	}
	tokens := p.Granted(t, providertest.CodeForm(wantCode(t, res)))
	if _, claims := providertest.JWT(t, tokens.Get("id_token")); claims["nonce"] != "inner" {
		t.Errorf("ID token: %v", claims)
	}
	wantLogin(t, p.Authorize(t, browser, object(sign(map[string]any{"max_age": 30}))))
	wantCode(t, p.Authorize(t, browser, object(sign(map[string]any{"max_age": 90}))))
	wantError(t, p.Authorize(t, browser, object(sign(map[string]any{
		"claims": map[string]any{"id_token": map[string]any{"acr": map[string]any{"essential": true, "value": "phr"}}},
	}))), "unmet_authentication_requirements")
}

// The object is looked at when it comes. A person who takes their time is not told
// that it has expired since.
func TestRequestObjectMayExpireOnTheSignInPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	sign := signer(t, p)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequireSignedRequestObject = true })
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, object(sign(nil))))
	p.Clock.Advance(time.Hour)
	wantCode(t, allow(t, p, browser, p.Post(t, browser, "/login", credentials(sealed))))
	wantError(t, p.Authorize(t, browser, params()), "invalid_request")
}

// RFC 9101 §6.1 and §7: what is wrong with the object reaches the client, if what is
// beside it says where, and else the person.
func TestErrorsOfARequestObject(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	sign := signer(t, p)
	browser := signedIn(t, p)
	expired := sign(map[string]any{"exp": p.Clock.Now().Add(-time.Hour).Unix()})
	wantError(t, p.Authorize(t, browser, object(expired, "redirect_uri", providertest.RedirectURI)), "invalid_request_object")
	wantPage(t, p.Authorize(t, browser, object(expired, "redirect_uri", "https://evil.example")), http.StatusBadRequest, invalidPage)
	wantPage(t, p.Authorize(t, browser, object(sign(map[string]any{"redirect_uri": "https://evil.example"}),
		"redirect_uri", providertest.RedirectURI)), http.StatusBadRequest, invalidPage)
}
