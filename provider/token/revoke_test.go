package token_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func revoke(t *testing.T, p *providertest.Provider, client, token string) providertest.Response {
	t.Helper()
	return p.Post(t, p.Client(), "/revoke", url.Values{"token": {token}}, client, providertest.ClientSecret)
}

func revoked(t *testing.T, res providertest.Response) {
	t.Helper()
	if res.StatusCode != http.StatusOK || res.Body != "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, body %q, Cache-Control %q", res.StatusCode, res.Body, res.Header.Get("Cache-Control"))
	}
}

// RFC 7009 §2.1: with either token the grant ends, and so the other, in the same
// moment.
func TestRevocationEndsTheGrant(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jwt", "opaque"} {
		for _, token := range []string{"access_token", "refresh_token"} {
			t.Run(format+", "+token, func(t *testing.T) {
				t.Parallel()
				p := providertest.New(t, providertest.Options{})
				p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = format })
				tokens, others := p.Tokens(t), p.Tokens(t)
				revoked(t, revoke(t, p, providertest.ClientID, tokens.Get(token)))
				p.Ended(t, tokens)
				inactive(t, introspect(t, p, providertest.ClientID, tokens.Get("access_token")))
				if !p.Works(t, others) {
					t.Error("another grant ended with it")
				}
				revoked(t, revoke(t, p, providertest.ClientID, tokens.Get(token))) // and again
			})
		}
	}
}

// A client's own token hangs on no grant, and is revoked by itself.
func TestRevocationOfAClientsOwnToken(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jwt", "opaque"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{})
			p.ChangeClient(t, providertest.MachineID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = format })
			form := url.Values{"grant_type": {"client_credentials"}}
			one := p.Granted(t, form, providertest.MachineID, providertest.ClientSecret)
			other := p.Granted(t, form, providertest.MachineID, providertest.ClientSecret)
			providertest.InvalidGrant(t, revoke(t, p, providertest.APIClientID, one.Get("access_token")))
			revoked(t, revoke(t, p, providertest.MachineID, one.Get("access_token")))
			inactive(t, introspect(t, p, providertest.APIClientID, one.Get("access_token")))
			if p.Introspect(t, other.Get("access_token"))["active"] != true {
				t.Error("another token of the client ended with it")
			}
			p.Clock.Advance(p.Config.Lifetimes.AccessToken)
			revoked(t, revoke(t, p, providertest.MachineID, other.Get("access_token")))
		})
	}
}

// RFC 7009 §2.1: only the client that the token was issued to.
func TestRevocationIsForTheTokensClient(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	tokens := p.Tokens(t)
	for _, token := range []string{"access_token", "refresh_token"} {
		for _, client := range []string{providertest.MachineID, providertest.APIClientID} {
			providertest.InvalidGrant(t, revoke(t, p, client, tokens.Get(token)))
		}
		public := url.Values{"token": {tokens.Get(token)}, "client_id": {providertest.PublicID}}
		providertest.InvalidGrant(t, p.Post(t, p.Client(), "/revoke", public))
		wrong := p.Post(t, p.Client(), "/revoke", url.Values{"token": {tokens.Get(token)}}, providertest.ClientID, "wrong")
		providertest.Refused(t, wrong, http.StatusUnauthorized, "invalid_client")
	}
	if !p.Works(t, tokens) {
		t.Error("another client revoked the grant")
	}
	p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
}

// RFC 7009 §2.2: "invalid tokens do not cause an error response".
func TestRevocationOfNothingSucceeds(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	tokens := p.Tokens(t)
	access := tokens.Get("access_token")
	for name, token := range map[string]string{
		"unknown": "x", "an unknown refresh token": "glr_x", "an unknown opaque one": "gla_x",
		"an ID token": tokens.Get("id_token"), "altered": flip(access), "cut": access[:40],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			revoked(t, revoke(t, p, providertest.ClientID, token))
		})
	}
	if !p.Works(t, tokens) {
		t.Error("what is not a token revoked one")
	}
}

// An old refresh token of the family ends it too: the client has done with it.
func TestRevocationWithARotatedRefreshToken(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	first := p.Tokens(t)
	second := p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
	revoked(t, revoke(t, p, providertest.ClientID, first.Get("refresh_token")))
	p.Ended(t, second)
}

// RFC 7009 §5: public clients revoke what is theirs.
func TestPublicClientRevokes(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	client := []string{"client_id", providertest.PublicID, "redirect_uri", providertest.NativeURI}
	code := p.Code(t, providertest.Browser(t), providertest.With(providertest.AuthorizeParams(nil), client...))
	tokens := p.Granted(t, providertest.With(providertest.CodeForm(code), client...), "")
	form := url.Values{"token": {tokens.Get("refresh_token")}, "client_id": {providertest.PublicID}}
	revoked(t, p.Post(t, p.Client(), "/revoke", form))
	if p.Works(t, tokens) {
		t.Error("the access token is still good")
	}
}

// A revocation and a refresh at the same moment leave nothing behind that works.
func TestRevocationWinsOverARefresh(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		tokens := p.Tokens(t)
		responses := providertest.Parallel(16, func(i int) providertest.Response {
			if i == 8 {
				return revoke(t, p, providertest.ClientID, tokens.Get("refresh_token"))
			}
			return p.Token(t, providertest.RefreshForm(tokens.Get("refresh_token")))
		})
		revoked(t, responses[8])
		for i, res := range responses {
			switch {
			case i == 8:
			case res.StatusCode == http.StatusOK:
				p.Ended(t, res.JSON(t))
			default:
				providertest.InvalidGrant(t, res)
			}
		}
	})
}
