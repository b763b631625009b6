package e2e

import (
	"context"
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
