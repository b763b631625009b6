package token_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// introspect asks as a client, with its secret.
func introspect(t *testing.T, p *providertest.Provider, client, token string) providertest.Response {
	t.Helper()
	return p.Post(t, p.Client(), "/introspect", url.Values{"token": {token}}, client, providertest.ClientSecret)
}

func inactive(t *testing.T, res providertest.Response) {
	t.Helper()
	if res.StatusCode != http.StatusOK || res.Body != `{"active":false}` {
		t.Errorf("status %d: %s, want inactive and nothing more", res.StatusCode, res.Body)
	}
}

// RFC 7662 §2.2: what is told of each kind of token.
func TestIntrospectionTellsTheClaims(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	tokens := p.Tokens(t)
	now := float64(p.Clock.Now().Unix())
	common := map[string]any{
		"active": true, "iss": p.Config.Issuer, "sub": providertest.UserID, "aud": p.Config.Issuer,
		"client_id": providertest.ClientID, "scope": "openid profile email offline_access", "iat": now,
	}
	_, claims := providertest.JWT(t, tokens.Get("access_token"))
	access := merge(common, map[string]any{
		"exp": now + 600, "token_type": "Bearer", "jti": claims["jti"], "auth_time": now,
		"amr": []any{"pwd"}, "grant_id": claims["grant_id"],
	})
	refresh := merge(common, map[string]any{"exp": now + 30*24*3600})
	for token, want := range map[string]map[string]any{"access_token": access, "refresh_token": refresh} {
		got := introspect(t, p, providertest.ClientID, tokens.Get(token)).JSON(t)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", token, diff)
		}
	}
}

func merge(common, more map[string]any) map[string]any {
	all := maps.Clone(common)
	maps.Copy(all, more)
	return all
}

// RFC 7662 §4: the token's own client, its audience, and registered resource
// servers. Anybody else learns no more than of a token that does not exist.
func TestIntrospectionIsForThoseConcerned(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	if err := p.Store.SaveResourceServer(t.Context(), storage.ResourceServer{Identifier: "audience"}); err != nil {
		t.Fatal(err)
	}
	p.SaveClient(t.Context(), t, "audience", storage.ClientMetadata{})
	params := providertest.AuthorizeParams(map[string]string{"resource": "audience"})
	tokens := p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), params)))
	for client, active := range map[string]bool{
		providertest.ClientID: true, providertest.APIClientID: true, "audience": true, providertest.MachineID: false,
	} {
		for _, token := range []string{"access_token", "refresh_token"} {
			res := introspect(t, p, client, tokens.Get(token))
			if !active {
				inactive(t, res)
			} else if res.JSON(t)["active"] != true {
				t.Errorf("%s may not introspect the %s: %s", client, token, res.Body)
			}
		}
	}
	public := url.Values{"token": {tokens.Get("access_token")}, "client_id": {providertest.PublicID}}
	providertest.Refused(t, p.Post(t, p.Client(), "/introspect", public), http.StatusUnauthorized, "invalid_client")
	bearer := p.Bearer(t, "/introspect", tokens.Get("access_token")) // by GET
	if bearer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("status %d", bearer.StatusCode)
	}
}

// RFC 7662 §2.2: whatever is wrong with a token, it is not active; that is no
// error. hint says what the client takes it for, and is not believed.
func TestIntrospectionOfWhatIsNotGood(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	tokens := p.Tokens(t)
	access := tokens.Get("access_token")
	refresh := tokens.Get("refresh_token")
	for name, token := range map[string]string{
		"a code":      p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil)),
		"an ID token": tokens.Get("id_token"), "unknown": "x", "an opaque one": "gla_x", "a refresh token": "glr_x",
		"cut": access[:len(access)-1], "longer": access + "A", "another signature": flip(access),
		"cut refresh": refresh[:len(refresh)-1], "another refresh": flip(refresh),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inactive(t, introspect(t, p, providertest.ClientID, token))
		})
	}
	for _, hint := range []string{"refresh_token", "access_token", "pat"} {
		form := url.Values{"token": {access}, "token_type_hint": {hint}}
		res := p.Post(t, p.Client(), "/introspect", form, providertest.ClientID, providertest.ClientSecret)
		if res.JSON(t)["active"] != true {
			t.Errorf("with the hint %s: %s", hint, res.Body)
		}
	}
}

// flip alters one character in the middle of the last part.
func flip(token string) string {
	i := len(token) - 20
	changed := byte('A')
	if token[i] == changed {
		changed = 'B'
	}
	return token[:i] + string(changed) + token[i+1:]
}

// A token is active for as long as it is good, in both its forms.
func TestIntrospectionFollowsTheGrant(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *providertest.Provider, string){
		"time": func(_ *testing.T, p *providertest.Provider, _ string) {
			p.Clock.Advance(p.Config.Lifetimes.RefreshToken)
		},
		"revocation": func(t *testing.T, p *providertest.Provider, code string) {
			t.Helper()
			if err := p.Store.RevokeGrant(t.Context(), p.GrantOf(t, code).ID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"the person disabled": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
		},
		"the person deleted": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			if err := p.Store.DeleteUser(t.Context(), providertest.UserID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"the client deleted": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			if err := p.Store.DeleteClient(t.Context(), providertest.ClientID); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, happens := range tests {
		for _, format := range []string{"jwt", "opaque"} {
			t.Run(name+", "+format, func(t *testing.T) {
				t.Parallel()
				p := providertest.New(t, providertest.Options{})
				p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = format })
				code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
				tokens := p.Granted(t, providertest.CodeForm(code))
				happens(t, p, code)
				inactive(t, introspect(t, p, providertest.APIClientID, tokens.Get("access_token")))
				inactive(t, introspect(t, p, providertest.APIClientID, tokens.Get("refresh_token")))
				if p.Works(t, tokens) {
					t.Error("userinfo accepts the token")
				}
			})
		}
	}
}

// A refresh token that was rotated is no longer what it was, within grace or not.
func TestRotatedRefreshTokenIsInactive(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	first := p.Tokens(t)
	second := p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
	inactive(t, introspect(t, p, providertest.ClientID, first.Get("refresh_token")))
	if res := introspect(t, p, providertest.ClientID, second.Get("refresh_token")); res.JSON(t)["active"] != true {
		t.Errorf("the successor: %s", res.Body)
	}
	p.Clock.Advance(time.Hour)
	inactive(t, introspect(t, p, providertest.ClientID, first.Get("refresh_token")))
	// Asking is not using: the family lives.
	p.Granted(t, providertest.RefreshForm(second.Get("refresh_token")))
}

// token is REQUIRED, RFC 7662 §2.1 and RFC 7009 §2.1.
func TestTokenIsRequired(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, path := range []string{"/introspect", "/revoke"} {
		for _, body := range []string{"", "token=", "token_type_hint=access_token"} {
			res := raw(t, p, http.MethodPost, path, formType, strings.NewReader(body))
			providertest.Refused(t, res, http.StatusBadRequest, "invalid_request")
		}
	}
}
