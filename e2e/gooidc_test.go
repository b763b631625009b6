package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/resource"
)

// go-oidc and x/oauth2, which know us by our issuer only: discovery, the code
// flow with PKCE and nonce, the ID token, userinfo, refresh; and package
// resource, which has an API accept the access token.
func TestGoOIDCSignsIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		ctx := p.context(t)
		issuer, err := oidc.NewProvider(ctx, p.URL)
		if err != nil {
			t.Fatal(err)
		}
		config := &oauth2.Config{
			ClientID: providertest.ClientID, ClientSecret: providertest.ClientSecret,
			Endpoint: issuer.Endpoint(), RedirectURL: providertest.RedirectURI,
			Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess, providertest.APIScope},
		}
		token := p.signInWith(t, config)
		p.verifyIDToken(t, issuer, token, "a-nonce")

		info, err := issuer.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != providertest.UserID || info.Email != providertest.Username || !info.EmailVerified {
			t.Errorf("userinfo is %+v, error %v", info, err)
		}
		refreshed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
		if err != nil {
			t.Fatal(err)
		}
		if refreshed.RefreshToken == token.RefreshToken || refreshed.AccessToken == token.AccessToken {
			t.Error("the tokens are still the old ones")
		}
		p.verifyIDToken(t, issuer, refreshed, "")
		p.acceptedByAPI(t, refreshed)
	})
}

// context is one with which go-oidc and oauth2 use a client of the test's own.
func (p *provider) context(t *testing.T) context.Context {
	t.Helper()
	return oidc.ClientContext(t.Context(), p.client(t))
}

// signInWith goes through the code flow with the client's own means.
func (p *provider) signInWith(t *testing.T, config *oauth2.Config) *oauth2.Token {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	address := config.AuthCodeURL("a-state", oidc.Nonce("a-nonce"), oauth2.S256ChallengeOption(verifier))
	_, answer := p.SignIn(t, p.client(t), query(t, address)).Redirect(t)
	if answer.Get("state") != "a-state" || answer.Get("iss") != p.URL {
		t.Errorf("state is %q, iss %q", answer.Get("state"), answer.Get("iss"))
	}
	token, err := config.Exchange(p.context(t), answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (p *provider) verifyIDToken(t *testing.T, issuer *oidc.Provider, token *oauth2.Token, nonce string) {
	t.Helper()
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		t.Fatal("there is no ID token")
	}
	ctx := p.context(t)
	id, err := issuer.VerifierContext(ctx, &oidc.Config{ClientID: providertest.ClientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != providertest.UserID || id.Nonce != nonce {
		t.Errorf("sub is %q, nonce %q", id.Subject, id.Nonce)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
}

func (p *provider) acceptedByAPI(t *testing.T, token *oauth2.Token) {
	t.Helper()
	api, err := resource.New(resource.Config{Issuer: p.URL, Audience: providertest.API})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := api.Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if accepted.Subject != providertest.UserID || accepted.ClientID != providertest.ClientID {
		t.Errorf("the token is for %q at %q", accepted.Subject, accepted.ClientID)
	}
}

// OpenID Connect Core §3.3: go-oidc takes the ID token of the authorization
// endpoint, whose hashes are those of the access token and the code beside it, and
// x/oauth2 exchanges the code.
func TestGoOIDCHybrid(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	p.apply(t, `clients:
  - client_id: hybrid
    client_secret: `+providertest.ClientSecret+`
    redirect_uris: [https://app.example/callback]
    response_types: [code id_token token]
    grant_types: [authorization_code, implicit]
`)
	ctx := p.context(t)
	issuer, err := oidc.NewProvider(ctx, p.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := &oauth2.Config{
		ClientID: "hybrid", ClientSecret: providertest.ClientSecret,
		Endpoint: issuer.Endpoint(), RedirectURL: providertest.RedirectURI, Scopes: []string{oidc.ScopeOpenID},
	}
	verifier := oauth2.GenerateVerifier()
	address := config.AuthCodeURL("a-state", oidc.Nonce("a-nonce"), oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("response_type", "code id_token token"))
	answer := fragment(t, p.SignIn(t, p.client(t), query(t, address)))

	front, err := issuer.VerifierContext(ctx, &oidc.Config{ClientID: "hybrid"}).Verify(ctx, answer.Get("id_token"))
	if err != nil {
		t.Fatal(err)
	}
	if err := front.VerifyAccessToken(answer.Get("access_token")); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	var hashes struct {
		Code string `json:"c_hash"`
	}
	if err := front.Claims(&hashes); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(answer.Get("code")))
	if want := base64.RawURLEncoding.EncodeToString(sum[:16]); hashes.Code != want {
		t.Errorf("c_hash is %q, want %q", hashes.Code, want)
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	back, err := issuer.VerifierContext(ctx, &oidc.Config{ClientID: "hybrid"}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if front.Nonce != "a-nonce" || front.Subject != providertest.UserID || back.Subject != front.Subject || back.Nonce != front.Nonce {
		t.Errorf("in front it is %+v, behind %+v", front, back)
	}
}

// fragment is what a redirect's fragment says.
func fragment(t *testing.T, res providertest.Response) url.Values {
	t.Helper()
	u, err := res.Location()
	if err != nil {
		t.Fatalf("status %d, body %q: %v", res.StatusCode, res.Body, err)
	}
	values, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		t.Fatal(err)
	}
	return values
}
