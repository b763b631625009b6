package engine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// newTokens returns a provider and the tokens of a sign-in.
func newTokens(t *testing.T) (p *providertest.Provider, tokens providertest.Tokens) {
	t.Helper()
	p = providertest.New(t, providertest.Options{})
	return p, p.Tokens(t)
}

// RFC 9700 §4.14.2. The new tokens are of the same sign-in, made at this moment.
func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	p, first := newTokens(t)
	p.Clock.Advance(time.Hour)
	second := p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
	if first.Get("refresh_token") == second.Get("refresh_token") {
		t.Error("the refresh token was not rotated")
	}
	for _, token := range []string{"access_token", "id_token"} {
		_, before := providertest.JWT(t, first.Get(token))
		_, after := providertest.JWT(t, second.Get(token))
		for _, claim := range []string{"iat", "exp"} {
			was, _ := before[claim].(float64)
			if after[claim] != was+3600 {
				t.Errorf("%s: %s went from %v to %v in an hour", token, claim, was, after[claim])
			}
		}
		// OpenID Connect Core §12.2 for the ID token: auth_time stays, nonce
		// need not come again. The rest of the claims is of the token itself.
		fresh := cmpopts.IgnoreMapEntries(func(claim string, _ any) bool {
			return claim == "iat" || claim == "exp" || claim == "jti" || claim == "at_hash" || claim == "nonce"
		})
		if diff := cmp.Diff(before, after, fresh); diff != "" {
			t.Errorf("%s (-first +second):\n%s", token, diff)
		}
	}
	if !p.Works(t, second) {
		t.Error("the new access token is not good")
	}
}

// The answer to a refresh can be lost, and tabs refresh at the same time: within
// the grace period the same token gives the same successor.
func TestRefreshIsIdempotentWithinGrace(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		form := providertest.RefreshForm(p.Tokens(t).Get("refresh_token"))
		successors := map[string]bool{}
		for _, res := range providertest.Parallel(20, func(int) providertest.Response { return p.Token(t, form) }) {
			if res.StatusCode != http.StatusOK {
				t.Fatalf("status %d: %s", res.StatusCode, res.Body)
			}
			tokens := providertest.Tokens(res.JSON(t))
			successors[tokens.Get("refresh_token")] = true
			if !p.Works(t, tokens) {
				t.Error("an access token is not good")
			}
		}
		p.Clock.Advance(p.Config.Refresh.Grace - time.Second)
		successors[p.Granted(t, form).Get("refresh_token")] = true
		if len(successors) != 1 {
			t.Errorf("%d successors, want 1", len(successors))
		}
		for successor := range successors {
			p.Granted(t, providertest.RefreshForm(successor))
		}
	})
}

// RFC 9700 §4.14.2: what comes back when it should not has been stolen, from one
// side or the other. The family ends.
func TestReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// wait is for how long the successor has been there, used if so.
		wait    time.Duration
		used    bool
		changes []string
	}{
		"after the grace period":                {wait: 30 * time.Second},
		"after hours":                           {wait: 5 * time.Hour},
		"within it, once the successor is used": {used: true},
		"after it, the successor used":          {wait: time.Hour, used: true},
		"after the token itself has expired":    {wait: 29 * 24 * time.Hour, used: true},
		"asking for too much as well":           {wait: time.Hour, changes: []string{"scope", "phone"}},
		"for another resource as well":          {wait: time.Hour, changes: []string{"resource", "https://x.example"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, stolen := newTokens(t)
			p.Clock.Advance(24 * time.Hour)
			last := p.Granted(t, providertest.RefreshForm(stolen.Get("refresh_token")))
			if test.used {
				last = p.Granted(t, providertest.RefreshForm(last.Get("refresh_token")))
			}
			p.Clock.Advance(test.wait)
			p.CleanUp(t)
			form := providertest.With(providertest.RefreshForm(stolen.Get("refresh_token")), test.changes...)
			providertest.InvalidGrant(t, p.Token(t, form))
			p.Ended(t, last)
		})
	}
}

// A client may want no grace at all, or another one.
func TestGraceIsTheClients(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ grace, good int }{
		"strict": {grace: 0, good: -1},
		"longer": {grace: 120, good: 119},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{})
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RefreshGraceSeconds = &test.grace })
			first := p.Tokens(t)
			second := p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
			if test.good >= 0 {
				p.Clock.Advance(time.Duration(test.good) * time.Second)
				second = p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
			}
			p.Clock.Advance(time.Duration(test.grace-max(test.good, 0)) * time.Second)
			providertest.InvalidGrant(t, p.Token(t, providertest.RefreshForm(first.Get("refresh_token"))))
			p.Ended(t, second)
		})
	}
}

// Without grace, parallel refreshes are reuse: one at most gets an answer.
func TestStrictRotationHasOneWinner(t *testing.T) {
	t.Parallel()
	strict := 0
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RefreshGraceSeconds = &strict })
		form := providertest.RefreshForm(p.Tokens(t).Get("refresh_token"))
		won := 0
		for _, res := range providertest.Parallel(20, func(int) providertest.Response { return p.Token(t, form) }) {
			if res.StatusCode == http.StatusOK {
				won++
				continue
			}
			providertest.InvalidGrant(t, res)
		}
		if won != 1 {
			t.Errorf("%d requests succeeded, want 1", won)
		}
	})
}

// RFC 6749 §6. The access token is narrower, the grant is not: the next refresh
// may ask for all again.
func TestScopeNarrowingOnRefresh(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	steps := []struct {
		ask, get string
		idToken  bool
	}{
		{"openid profile", "openid profile", true},
		{"profile profile openid", "openid profile", true},
		{"email", "email", false},
		{"", "openid profile email offline_access", true},
		{"  ", "openid profile email offline_access", true},
	}
	for _, step := range steps {
		form := providertest.With(providertest.RefreshForm(tokens.Get("refresh_token")), "scope", step.ask)
		tokens = p.Granted(t, form)
		_, claims := providertest.JWT(t, tokens.Get("access_token"))
		if tokens["scope"] != step.get || claims["scope"] != step.get || (tokens.Get("id_token") != "") != step.idToken {
			t.Errorf("asked for %q: got %q, in the token %q, ID token: %v",
				step.ask, tokens["scope"], claims["scope"], tokens.Get("id_token") != "")
		}
	}
}

// RFC 6749 §6: "any scope not originally granted". The token is not used up.
func TestRefreshCannotWidenTheScope(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	for _, scope := range []string{"phone", "openid phone", providertest.APIScope, "unknown", "openid\tphone"} {
		form := providertest.With(providertest.RefreshForm(tokens.Get("refresh_token")), "scope", scope)
		providertest.Refused(t, p.Token(t, form), http.StatusBadRequest, "invalid_scope")
	}
	p.Clock.Advance(time.Hour)
	p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
}

// RFC 8707 §2.2: the tokens of a grant for several resources can be for one.
func TestResourceNarrowing(t *testing.T) {
	t.Parallel()
	const other = "https://other.example"
	p := providertest.New(t, providertest.Options{})
	if err := p.Store.SaveResourceServer(t.Context(), storage.ResourceServer{Identifier: other}); err != nil {
		t.Fatal(err)
	}
	params := providertest.AuthorizeParams(map[string]string{"scope": "openid offline_access " + providertest.APIScope})
	params["resource"] = []string{providertest.API, other}
	code := p.Code(t, providertest.Browser(t), params)

	unknown := providertest.With(providertest.CodeForm(code), "resource", "https://unknown.example")
	providertest.Refused(t, p.Token(t, unknown), http.StatusBadRequest, "invalid_target")
	tokens := p.Granted(t, providertest.With(providertest.CodeForm(code), "resource", other))
	audience(t, tokens, other)

	form := providertest.RefreshForm(tokens.Get("refresh_token"))
	providertest.Refused(t, p.Token(t, providertest.With(form, "resource", p.Config.Issuer)),
		http.StatusBadRequest, "invalid_target")
	form["resource"] = []string{other, providertest.API, other}
	tokens = p.Granted(t, form)
	audience(t, tokens, []any{providertest.API, other})
	audience(t, p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token"))), []any{providertest.API, other})
}

func audience(t *testing.T, tokens providertest.Tokens, want any) {
	t.Helper()
	_, claims := providertest.JWT(t, tokens.Get("access_token"))
	if diff := cmp.Diff(want, claims["aud"]); diff != "" {
		t.Errorf("aud of the access token (-want +got):\n%s", diff)
	}
}

// However often it is rotated, a family ends, and so does one that rests.
func TestFamilyHasAnAbsoluteLifetime(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	end := p.Clock.Now().Add(p.Config.Lifetimes.Grant)
	for p.Clock.Now().Before(end.Add(-time.Hour)) {
		p.Clock.Advance(min(29*24*time.Hour, end.Add(-time.Second).Sub(p.Clock.Now())))
		p.CleanUp(t)
		tokens = p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
	}
	if got := p.Introspect(t, tokens.Get("refresh_token"))["exp"]; got != float64(end.Unix()) {
		t.Errorf("the last refresh token expires at %v, the family at %d", got, end.Unix())
	}
	p.Clock.Advance(time.Second)
	p.Ended(t, tokens)
}

// A refresh token that is not used expires, to the second.
func TestRefreshTokenExpires(t *testing.T) {
	t.Parallel()
	for left, good := range map[time.Duration]bool{time.Second: true, 0: false} {
		p, tokens := newTokens(t)
		p.Clock.Advance(p.Config.Lifetimes.RefreshToken - left)
		res := p.Token(t, providertest.RefreshForm(tokens.Get("refresh_token")))
		if (res.StatusCode == http.StatusOK) != good {
			t.Errorf("%v before the end: status %d", left, res.StatusCode)
		}
	}
}

// RFC 6749 §6: bound to the client it was issued to. What another client does
// with it, used or not, takes nothing from its owner.
func TestAnotherClientsRefreshTokenNeitherWorksNorRevokes(t *testing.T) {
	t.Parallel()
	p, first := newTokens(t)
	p.SaveClient(t.Context(), t, "another", storage.ClientMetadata{GrantTypes: []string{"refresh_token"}})
	stolen := func() {
		t.Helper()
		form := providertest.RefreshForm(first.Get("refresh_token"))
		providertest.InvalidGrant(t, p.Token(t, form, "another", providertest.ClientSecret))
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "client_id", providertest.PublicID), ""))
		// Nor does it learn what was granted.
		providertest.InvalidGrant(t, p.Token(t, providertest.With(form, "scope", "phone"), "another", providertest.ClientSecret))
	}
	stolen()
	second := p.Granted(t, providertest.RefreshForm(first.Get("refresh_token")))
	p.Clock.Advance(time.Hour)
	stolen()
	p.Granted(t, providertest.RefreshForm(second.Get("refresh_token")))
}

// RFC 6749 §5.2: all that is wrong with a refresh token is invalid_grant.
func TestOtherArtefactIsNoRefreshToken(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	good := tokens.Get("refresh_token")
	for name, artefact := range map[string]string{
		"code": code, "access token": tokens.Get("access_token"), "ID token": tokens.Get("id_token"),
		"cut": good[:len(good)-1], "longer": good + "A", "altered": good[:8] + strings.ToUpper(good[8:]) + "x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.InvalidGrant(t, p.Token(t, providertest.RefreshForm(artefact)))
		})
	}
}

// What happens to the grant, its person or its client counts at once.
func TestRefreshEndsWithWhatItHangsOn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		happens func(*testing.T, *providertest.Provider)
		code    string
	}{
		"the person was disabled": {func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
		}, "invalid_grant"},
		"the person changed the password": {func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.PasswordHash, u.UpdatedAt = "new", p.Clock.Now() })
		}, "invalid_grant"},
		"the client lost offline_access": {func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "openid profile" })
		}, "invalid_grant"},
		"the client lost the grant type": {func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.GrantTypes = []string{"authorization_code"} })
		}, "unauthorized_client"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, tokens := newTokens(t)
			test.happens(t, p)
			providertest.Refused(t, p.Token(t, providertest.RefreshForm(tokens.Get("refresh_token"))),
				http.StatusBadRequest, test.code)
		})
	}
}

// A scope that was taken from the client is no longer refreshed.
func TestRefreshWithoutAScopeThatTheClientLost(t *testing.T) {
	t.Parallel()
	p, tokens := newTokens(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "openid profile offline_access" })
	tokens = p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
	if tokens["scope"] != "openid profile offline_access" {
		t.Errorf("got scope %q", tokens["scope"])
	}
}

// OpenID Connect Core §11: no offline_access, no refresh token.
func TestNoRefreshTokenWithoutOfflineAccess(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	online := providertest.AuthorizeParams(map[string]string{"scope": "openid"})
	tokens := p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), online)))
	if tokens.Get("refresh_token") != "" {
		t.Error("a refresh token without offline_access")
	}
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.GrantTypes = []string{"authorization_code"} })
	tokens = p.Tokens(t)
	if tokens.Get("refresh_token") != "" || strings.Contains(tokens.Get("scope"), "offline_access") {
		t.Errorf("a client that is not registered for it got %q", tokens["scope"])
	}
}

// RFC 9700 §2.2.2: a public client's refresh tokens are rotated as well.
func TestPublicClientRefreshes(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{
		"client_id": providertest.PublicID, "redirect_uri": providertest.NativeURI,
	}))
	form := providertest.With(providertest.CodeForm(code), "client_id", providertest.PublicID, "redirect_uri", providertest.NativeURI)
	first := p.Granted(t, form, "")
	refresh := providertest.With(providertest.RefreshForm(first.Get("refresh_token")), "client_id", providertest.PublicID)
	second := p.Granted(t, refresh, "")
	p.Clock.Advance(time.Minute)
	providertest.InvalidGrant(t, p.Token(t, refresh, ""))
	if p.Works(t, second) {
		t.Error("the family has survived its reuse")
	}
}
