package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// RFC 8725 §3.11 and §3.12: no kind of JWT of ours is taken for another, not even by
// a client that says that our keys are its own.
func TestNoKindOfJWTIsTakenForAnother(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.UserinfoSignedResponseAlg = "RS256" })
	browser := providertest.Browser(t)
	_, q := p.SignIn(t, browser, providertest.AuthorizeParams(nil)).Redirect(t)
	tokens := p.Granted(t, providertest.CodeForm(q.Get("code")))
	now := p.Clock.Now()
	logout, err := p.Keys.Sign(t.Context(), "RS256", "logout+jwt", map[string]any{
		"iss": p.Config.Issuer, "sub": providertest.UserID, "aud": providertest.ClientID, "jti": "1", "sid": "1",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{
		"ID token": tokens.Get("id_token"), "access token": tokens.Get("access_token"), "logout token": logout,
		"userinfo": p.Bearer(t, "/userinfo", tokens.Get("access_token")).Body,
	}
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.JWKS = json.RawMessage(p.Get(t, p.Client(), "/.well-known/jwks.json").Body)
		m.TokenEndpointAuthMethod = "private_key_jwt"
	})
	p.Clock.Advance(time.Minute) // the directory remembers the client
	for kind, jwt := range kinds {
		if strings.Count(jwt, ".") != 2 {
			t.Fatalf("%s: no JWT: %s", kind, jwt)
		}
		if res := p.Bearer(t, "/userinfo", jwt); (res.StatusCode == http.StatusOK) != (kind == "access token") {
			t.Errorf("%s as an access token: status %d", kind, res.StatusCode)
		}
		hint := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{"id_token_hint": jwt, "prompt": "none"}))
		if _, q := hint.Redirect(t); (q.Get("error") == "") != (kind == "ID token") {
			t.Errorf("%s as a hint: %v", kind, q)
		}
		object := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{"request": jwt}))
		if _, q := object.Redirect(t); q.Get("error") != "invalid_request_object" {
			t.Errorf("%s as a request object: %v", kind, q)
		}
		assertion := p.Token(t, url.Values{
			"grant_type": {"authorization_code"}, "code": {"x"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {jwt},
		}, "")
		providertest.Refused(t, assertion, http.StatusUnauthorized, "invalid_client")
		if kind != "ID token" {
			end := p.Get(t, browser, "/end_session?"+url.Values{"id_token_hint": {jwt}}.Encode())
			if end.StatusCode != http.StatusOK || !strings.Contains(end.Body, `action="/logout"`) {
				t.Errorf("%s as the hint of a sign-out: status %d", kind, end.StatusCode)
			}
		}
	}
}
