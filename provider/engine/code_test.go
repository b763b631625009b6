package engine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newCode returns a provider and a code of the confidential client.
func newCode(t *testing.T) (p *providertest.Provider, code string) {
	t.Helper()
	p = providertest.New(t, providertest.Options{})
	return p, p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
}

// codeWithoutPKCE returns a code of a client that need not use PKCE and has not.
func codeWithoutPKCE(t *testing.T) (p *providertest.Provider, code string) {
	t.Helper()
	p = providertest.New(t, providertest.Options{})
	never := false
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequirePKCE = &never })
	return p, p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{
		"code_challenge": "", "code_challenge_method": "",
	}))
}

// RFC 6749 §4.1.2. A client that sends its request twice, as shows by its
// verifier and the haste, is told so and keeps what it got.
func TestCodeIsSingleUse(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	tokens := p.Granted(t, providertest.CodeForm(code))
	providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(code)))
	if !p.Works(t, tokens) {
		t.Error("a request that was sent twice ended its grant")
	}
}

// RFC 6749 §4.1.2: a code that is used again is a theft, of the first or of the
// second user.
func TestReplayedCodeRevokesItsGrant(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		after   time.Duration
		changes []string
	}{
		"after moments":                  {after: 2 * time.Second},
		"after its lifetime":             {after: 5 * time.Minute},
		"without the verifier":           {changes: []string{"code_verifier", ""}},
		"with another verifier":          {changes: []string{"code_verifier", strings.Repeat("x", 43)}},
		"for a resource not granted":     {after: time.Minute, changes: []string{"resource", "https://other.example"}},
		"with another redirect_uri":      {after: time.Minute, changes: []string{"redirect_uri", "https://other.example"}},
		"after its lifetime, altogether": {after: time.Hour, changes: []string{"redirect_uri", "", "code_verifier", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, code := newCode(t)
			tokens := p.Granted(t, providertest.CodeForm(code))
			p.Clock.Advance(test.after)
			providertest.InvalidGrant(t, p.Token(t, providertest.With(providertest.CodeForm(code), test.changes...)))
			p.Ended(t, tokens)
		})
	}
}

// Without PKCE nothing tells the client's own second request from a thief's.
func TestReplayWithoutPKCERevokesAtOnce(t *testing.T) {
	t.Parallel()
	p, code := codeWithoutPKCE(t)
	form := providertest.With(providertest.CodeForm(code), "code_verifier", "")
	tokens := p.Granted(t, form)
	providertest.InvalidGrant(t, p.Token(t, form))
	p.Ended(t, tokens)
}

// One code, many requests at once: one wins, and the others do not take away
// what it got.
func TestConcurrentLoserDoesNotKillTheWinner(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
		responses := providertest.Parallel(64, func(int) providertest.Response {
			return p.Token(t, providertest.CodeForm(code))
		})
		var won []providertest.Tokens
		for _, res := range responses {
			if res.StatusCode == http.StatusOK {
				won = append(won, res.JSON(t))
				continue
			}
			providertest.InvalidGrant(t, res)
		}
		if len(won) != 1 {
			t.Fatalf("%d requests succeeded, want 1", len(won))
		}
		if !p.Works(t, won[0]) {
			t.Error("the winner's access token is not good")
		}
		p.Granted(t, providertest.RefreshForm(won[0].Get("refresh_token")))
	})
}

// RFC 7636 §4.6: a failed attempt must not take the challenge away and leave the
// code without one, nor the code from its owner.
func TestWrongVerifierThenNoneBothFail(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	form := providertest.CodeForm(code)
	wrong := strings.Repeat("x", 43)
	for _, verifier := range []string{
		wrong, "", wrong[1:], strings.Repeat("x", 129), providertest.Challenge(), providertest.Verifier + "\"",
	} {
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "code_verifier", verifier)))
	}
	p.Granted(t, form)
}

// RFC 9700 §2.1.1, CVE-2024-23647: the client believes that PKCE protects it, so
// whoever took the challenge out of its request must not succeed.
func TestVerifierWithoutChallengeIsRefused(t *testing.T) {
	t.Parallel()
	p, code := codeWithoutPKCE(t)
	providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(code)))
	p.Granted(t, providertest.With(providertest.CodeForm(code), "code_verifier", ""))
}

// RFC 6749 §4.1.3.
func TestRedirectURIMustBeThatOfTheAuthorizationRequest(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	form := providertest.CodeForm(code)
	for _, uri := range []string{"", "https://app.example/", providertest.RedirectURI + "/", providertest.RedirectURI + "?a=b"} {
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "redirect_uri", uri)))
	}
	p.Granted(t, form)
}

// RFC 6749 §4.1.3: "if the redirect_uri parameter was included".
func TestRedirectURINotSentNeedNotBeRepeated(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{
		"redirect_uri": "", "scope": "profile",
	}))
	p.Granted(t, providertest.With(providertest.CodeForm(code), "redirect_uri", ""))
}

// RFC 6749 §4.1.2: a maximum lifetime, to the second.
func TestCodeExpires(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	other := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	p.Clock.Advance(p.Config.Lifetimes.Code - time.Second)
	p.Granted(t, providertest.CodeForm(code))
	p.Clock.Advance(time.Second)
	providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(other)))
}

// What is no code of ours is refused as any other, CVE-2026-4282.
func TestOtherArtefactIsNoCode(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	other := p.Tokens(t)
	artefacts := map[string]string{
		"access token": other.Get("access_token"), "refresh token": other.Get("refresh_token"),
		"ID token": other.Get("id_token"), "cut": code[:len(code)-1], "longer": code + "A",
		"without its prefix": code[4:], "altered": "glc_A" + code[4:len(code)-1],
		"NUL": "glc_%00", "nothing like it": "'; DROP TABLE codes; --", "long": strings.Repeat("x", 60_000),
	}
	for name, artefact := range artefacts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(artefact)))
		})
	}
}

// RFC 6749 §4.1.3: whose code it is. That another client presents it, whatever it
// knows, takes nothing from its owner, before and after the code was used.
func TestAnotherClientsCodeNeitherWorksNorRevokes(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	another := storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, TokenEndpointAuthMethod: "client_secret_basic",
		GrantTypes: []string{"authorization_code", "refresh_token"},
	}
	p.SaveClient(t.Context(), t, "another", another)
	stolen := func() {
		t.Helper()
		form := providertest.CodeForm(code)
		providertest.InvalidGrant(t, p.Token(t, form, "another", providertest.ClientSecret))
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "resource", "https://x.example"),
			"another", providertest.ClientSecret))
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "client_id", providertest.PublicID), ""))
	}
	stolen()
	tokens := p.Granted(t, providertest.CodeForm(code))
	p.Clock.Advance(time.Minute)
	stolen()
	if !p.Works(t, tokens) {
		t.Error("another client ended the grant")
	}
}

// What happens between the code and its exchange counts.
func TestCodeIsWorthNothingOnceItsGrantIsNot(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *providertest.Provider, string){
		"the person was disabled": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
		},
		"the person changed the password": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.PasswordHash, u.UpdatedAt = "new", p.Clock.Now() })
		},
		"the person was deleted": func(t *testing.T, p *providertest.Provider, _ string) {
			t.Helper()
			if err := p.Store.DeleteUser(t.Context(), providertest.UserID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"the grant was revoked": func(t *testing.T, p *providertest.Provider, code string) {
			t.Helper()
			if err := p.Store.RevokeGrant(t.Context(), p.GrantOf(t, code).ID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, code := newCode(t)
			happens(t, p, code)
			providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(code)))
		})
	}
}

// A scope that was taken from the client is no longer granted by an old code.
func TestClientThatLostAScopeDoesNotGetIt(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "profile offline_access" })
	tokens := p.Granted(t, providertest.CodeForm(code))
	if tokens["scope"] != "profile offline_access" || tokens.Get("id_token") != "" {
		t.Errorf("got scope %q and ID token %v", tokens["scope"], tokens.Get("id_token"))
	}
}

// RFC 6749 §5.2.
func TestClientThatLostTheGrantTypeIsUnauthorized(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.GrantTypes = []string{"refresh_token"} })
	providertest.Refused(t, p.Token(t, providertest.CodeForm(code)), http.StatusBadRequest, "unauthorized_client")
}

// A deleted client is unknown, once the time is over for which it is remembered.
func TestDeletedClientIsUnknown(t *testing.T) {
	t.Parallel()
	p, code := newCode(t)
	if err := p.Store.DeleteClient(t.Context(), providertest.ClientID); err != nil {
		t.Fatal(err)
	}
	providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(code)))
	p.Clock.Advance(30 * time.Second)
	providertest.Refused(t, p.Token(t, providertest.CodeForm(code)), http.StatusUnauthorized, "invalid_client")
}
