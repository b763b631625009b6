package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// RFC 9068 §2: the header and the claims of an access token, for a person and
// for a client itself.
func TestAccessTokenIsOfRFC9068(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	signedIn := p.Clock.Now()
	scope := "openid offline_access " + providertest.APIScope
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"scope": scope}))
	grant := p.GrantOf(t, code)
	p.Clock.Advance(5 * time.Second)
	issued := float64(signedIn.Unix() + 5)
	person := p.Granted(t, providertest.CodeForm(code))
	machine := p.Granted(t, clientCredentials(), providertest.MachineID, providertest.ClientSecret)

	for name, test := range map[string]struct {
		tokens providertest.Tokens
		want   map[string]any
	}{
		"a person's": {person, map[string]any{
			"iss": p.Config.Issuer, "sub": providertest.UserID, "aud": providertest.API,
			"iat": issued, "exp": issued + 600, "client_id": providertest.ClientID, "scope": scope,
			"auth_time": float64(signedIn.Unix()), "amr": []any{"pwd"}, "grant_id": grant.ID,
		}},
		"a client's": {machine, map[string]any{
			"iss": p.Config.Issuer, "sub": providertest.MachineID, "aud": providertest.API,
			"iat": issued, "exp": issued + 600, "client_id": providertest.MachineID, "scope": providertest.APIScope,
		}},
	} {
		claims := verify(t, p, test.tokens.Get("access_token"), "ES256", "at+jwt")
		if jti, _ := claims["jti"].(string); len(jti) < 22 {
			t.Errorf("%s: jti %q is not unique enough", name, jti)
		}
		delete(claims, "jti")
		if diff := cmp.Diff(test.want, claims); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if test.tokens["token_type"] != "Bearer" || test.tokens["expires_in"] != 600.0 {
			t.Errorf("%s: %v for %v seconds", name, test.tokens["token_type"], test.tokens["expires_in"])
		}
	}
}

// RFC 9068 §2.2: aud is never empty. Without an API it is the provider itself.
func TestAudienceWithoutAnAPIIsTheIssuer(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	audience(t, tokens, p.Config.Issuer)
}

// An opaque access token is good wherever a JWT one is, and nothing in the
// database can be used as one.
func TestOpaqueAccessToken(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	opaque := func(m *storage.ClientMetadata) { m.AccessTokenFormat = "opaque" }
	p.ChangeClient(t, providertest.ClientID, opaque)
	p.ChangeClient(t, providertest.MachineID, opaque)

	tokens := p.Tokens(t)
	token := tokens.Get("access_token")
	if !strings.HasPrefix(token, "gla_") || !p.Works(t, tokens) {
		t.Errorf("userinfo does not accept %q", token[:4])
	}
	narrow := p.Granted(t, providertest.With(providertest.RefreshForm(tokens.Get("refresh_token")), "scope", "openid"))
	if got := p.Introspect(t, narrow.Get("access_token")); got["active"] != true || got["scope"] != "openid" {
		t.Errorf("got %v, want an active token for openid", got)
	}
	machine := p.Granted(t, clientCredentials(), providertest.MachineID, providertest.ClientSecret)
	if got := p.Introspect(t, machine.Get("access_token")); got["sub"] != providertest.MachineID {
		t.Errorf("got %v, want a token of the client", got)
	}
	state, err := p.Store.Read(t.Context(), storage.Wanted{Access: storage.HashOf(token)})
	if err != nil || state.Access == nil {
		t.Errorf("not stored by its hash: %v", err)
	}
	p.Clock.Advance(p.Config.Lifetimes.AccessToken)
	if p.Works(t, tokens) {
		t.Error("it does not expire")
	}
}
