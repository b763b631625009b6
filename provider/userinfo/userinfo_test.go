package userinfo_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// tokensFor signs in for a scope.
func tokensFor(t *testing.T, p *providertest.Provider, scope string) providertest.Tokens {
	t.Helper()
	params := providertest.AuthorizeParams(map[string]string{"scope": scope})
	return p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), params)))
}

// OpenID Connect Core §5.4: each scope releases its claims, those that there is
// a value for, and sub is always that of the ID token, §5.3.2.
func TestScopesReleaseTheirClaims(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	profile := map[string]any{
		"name": "Alex Sample", "preferred_username": "alex", "updated_at": float64(p.Clock.Now().Unix()),
	}
	email := map[string]any{"email": providertest.Username, "email_verified": true}
	for scope, claims := range map[string][]map[string]any{
		"openid":                          nil,
		"openid profile":                  {profile},
		"openid email":                    {email},
		"openid phone":                    {{"phone_number": "+15550100", "phone_number_verified": false}},
		"openid address":                  {{"address": map[string]any{"country": "NL"}}},
		"email profile openid":            {profile, email},
		"openid offline_access":           nil,
		"openid " + providertest.APIScope: nil,
	} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			tokens := tokensFor(t, p, scope)
			want := map[string]any{"sub": providertest.UserID}
			for _, set := range claims {
				maps.Copy(want, set)
			}
			res := p.Bearer(t, "/userinfo", tokens.Get("access_token"))
			if diff := cmp.Diff(want, res.JSON(t)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if _, id := providertest.JWT(t, tokens.Get("id_token")); id["sub"] != want["sub"] {
				t.Errorf("sub of the ID token is %v", id["sub"])
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
		})
	}
}

// RFC 6750 §2.1 and §2.2, OpenID Connect Core §5.3.1: the header, by GET and by
// POST, or the body.
func TestTokenIsInTheHeaderOrTheBody(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	token := tokensFor(t, p, "openid").Get("access_token")
	const form = "application/x-www-form-urlencoded"
	body := url.Values{"access_token": {token}}.Encode()
	tests := map[string]struct {
		method, query, authorization, contentType, body string
		status                                          int
		code                                            string
	}{
		"GET":                  {"GET", "", "Bearer " + token, "", "", 200, ""},
		"POST":                 {"POST", "", "Bearer " + token, "", "", 200, ""},
		"POST, with a form":    {"POST", "", "Bearer " + token, form, "x=y", 200, ""},
		"in the body":          {"POST", "", "", form, body, 200, ""},
		"scheme in lower case": {"GET", "", "bearer " + token, "", "", 200, ""},

		"none":                {"GET", "", "", "", "", 401, ""},
		"no token":            {"GET", "", "Bearer ", "", "", 401, ""},
		"another scheme":      {"GET", "", "DPoP " + token, "", "", 401, ""},
		"a client's secret":   {"GET", "", "Basic " + token, "", "", 401, ""},
		"garbage":             {"GET", "", "Bearer x", "", "", 401, "invalid_token"},
		"two spaces":          {"GET", "", "Bearer  " + token, "", "", 401, "invalid_token"},
		"in the URL":          {"GET", "?" + body, "", "", "", 400, "invalid_request"},
		"in the URL as well":  {"GET", "?" + body, "Bearer " + token, "", "", 400, "invalid_request"},
		"in both":             {"POST", "", "Bearer " + token, form, body, 400, "invalid_request"},
		"twice in the body":   {"POST", "", "", form, body + "&" + body, 400, "invalid_request"},
		"in a JSON body":      {"POST", "", "", "application/json", `{"access_token":"` + token + `"}`, 400, "invalid_request"},
		"in a body too large": {"POST", "", "", form, body + "&x=" + strings.Repeat("x", 64<<10), 400, "invalid_request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), test.method, p.URL+"/userinfo"+test.query, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			r.Header.Set("Content-Type", test.contentType)
			res := providertest.Do(t, p.Client(), r)
			if test.status == http.StatusOK {
				if res.StatusCode != http.StatusOK {
					t.Errorf("status %d: %s", res.StatusCode, res.Body)
				}
				return
			}
			challenged(t, res, test.status, test.code)
		})
	}
}

// challenged checks an answer of RFC 6750 §3: the challenge names the error, but
// to a request without any token.
func challenged(t *testing.T, res providertest.Response, status int, code string) {
	t.Helper()
	want := `Bearer realm="gatelodge"`
	if code != "" {
		want += `, error="` + code + `", error_description="`
	}
	got := res.Header.Get("WWW-Authenticate")
	if res.StatusCode != status || !strings.HasPrefix(got, want) || code == "" && got != want {
		t.Errorf("status %d, WWW-Authenticate %q, want %d and %s", res.StatusCode, got, status, want)
	}
}

// RFC 8725 §3.11: what is no access token of ours is none, whatever else it is.
func TestOtherArtefactIsNoAccessToken(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	other := providertest.New(t, providertest.Options{}) // with the same keys
	tokens := tokensFor(t, p, "openid offline_access")
	access := tokens.Get("access_token")
	parts := strings.Split(access, ".")
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	for name, token := range map[string]string{
		"an ID token": tokens.Get("id_token"), "a refresh token": tokens.Get("refresh_token"), "a code": code,
		"another issuer's":   tokensFor(t, other, "openid").Get("access_token"),
		"cut":                access[:len(access)-1],
		"one more character": access[:len(access)-1] + "\u00a0",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"none":               "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".",
		"other claims":       parts[0] + "." + strings.Split(tokens.Get("id_token"), ".")[1] + "." + parts[2],
		"four parts":         access + ".x",
		"opaque, unknown":    "gla_" + strings.Repeat("A", 43),
		"opaque, a JWT":      "gla_" + access,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			challenged(t, p.Bearer(t, "/userinfo", token), http.StatusUnauthorized, "invalid_token")
		})
	}
	expired := tokensFor(t, p, "openid")
	p.Clock.Advance(p.Config.Lifetimes.AccessToken)
	challenged(t, p.Bearer(t, "/userinfo", expired.Get("access_token")), http.StatusUnauthorized, "invalid_token")
}

// RFC 6750 §3.1: a good token that is not for this.
func TestTokenWithoutOpenIDIsInsufficient(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	machine := p.Granted(t, url.Values{"grant_type": {"client_credentials"}}, providertest.MachineID, providertest.ClientSecret)
	for _, tokens := range []providertest.Tokens{machine, tokensFor(t, p, "profile email")} {
		challenged(t, p.Bearer(t, "/userinfo", tokens.Get("access_token")), http.StatusForbidden, "insufficient_scope")
	}
}

// Userinfo tells what is true now, not what was when the person signed in.
func TestUserinfoIsCurrent(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	tokens := tokensFor(t, p, "openid profile email")
	p.ChangeUser(t, func(u *storage.User) { u.Claims = storage.Claims{Name: "Sam"} })
	want := map[string]any{"sub": providertest.UserID, "name": "Sam", "updated_at": float64(p.Clock.Now().Unix())}
	if diff := cmp.Diff(want, p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// A script of the client's own origin may read the answer, and the question
// whether it may send an Authorization header is answered first.
func TestUserinfoForScripts(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	token := tokensFor(t, p, "openid").Get("access_token")
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		for method, status := range map[string]int{http.MethodGet: http.StatusOK, http.MethodOptions: http.StatusNoContent} {
			r, err := http.NewRequestWithContext(t.Context(), method, p.URL+"/userinfo", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", origin)
			r.Header.Set("Authorization", "Bearer "+token)
			res := providertest.Do(t, p.Client(), r)
			allowed := want
			if method == http.MethodOptions {
				allowed = origin // which client asks is not known yet
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != status || got != allowed {
				t.Errorf("%s from %s: status %d, allowed %q, want %d and %q", method, origin, res.StatusCode, got, status, allowed)
			}
		}
	}
}

// OpenID Connect Core §5.3.2: a client that registered so gets its claims signed,
// with iss and aud, and the person's sub as everywhere else.
func TestUserinfoIsSignedForWhoRegisteredSo(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, alg := range p.Keys.Algorithms() {
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.UserinfoSignedResponseAlg = alg })
		tokens := tokensFor(t, p, "openid email")
		res := p.Bearer(t, "/userinfo", tokens.Get("access_token"))
		if got := res.Header.Get("Content-Type"); got != "application/jwt" {
			t.Fatalf("%s: Content-Type %q", alg, got)
		}
		header, claims := providertest.JWT(t, res.Body)
		want := map[string]any{
			"iss": p.Config.Issuer, "aud": providertest.ClientID, "sub": providertest.UserID,
			"email": providertest.Username, "email_verified": true,
		}
		if diff := cmp.Diff(want, claims); diff != "" || header["alg"] != alg || header["kid"] == nil {
			t.Errorf("%s: header %v, claims (-want +got):\n%s", alg, header, diff)
		}
		if _, err := p.Keys.Verify(t.Context(), res.Body, "JWT"); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// OpenID Connect Core §8.1: a pairwise client knows the person by a sub of its
// sector's, the same in the ID token, at userinfo, at introspection and as a hint.
func TestPairwiseSubjectIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	pairwise := func(id, redirectURI, format string) {
		p.SaveClient(t.Context(), t, id, storage.ClientMetadata{
			RedirectURIs: []string{redirectURI}, SubjectType: "pairwise", AccessTokenFormat: format,
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
			TokenEndpointAuthMethod: "client_secret_basic",
		})
	}
	pairwise("one", providertest.RedirectURI, "jwt")
	pairwise("sister", providertest.RedirectURI, "opaque")
	pairwise("stranger", "https://stranger.example/callback", "jwt")
	browser := providertest.Browser(t)
	subjects := map[string]any{}
	for id, redirectURI := range map[string]string{
		"one": providertest.RedirectURI, "sister": providertest.RedirectURI, "stranger": "https://stranger.example/callback",
	} {
		params := providertest.AuthorizeParams(map[string]string{"client_id": id, "redirect_uri": redirectURI})
		form := providertest.With(providertest.CodeForm(p.Code(t, browser, params)), "redirect_uri", redirectURI)
		tokens := p.Granted(t, form, id, providertest.ClientSecret)
		_, claims := providertest.JWT(t, tokens.Get("id_token"))
		subjects[id] = claims["sub"]
		refreshed := p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")), id, providertest.ClientSecret)
		_, again := providertest.JWT(t, refreshed.Get("id_token"))
		for place, sub := range map[string]any{
			"userinfo":         p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)["sub"],
			"introspection":    p.Introspect(t, tokens.Get("access_token"))["sub"],
			"of refresh token": p.Introspect(t, refreshed.Get("refresh_token"))["sub"],
			"after a refresh":  again["sub"],
		} {
			if sub != claims["sub"] || sub == providertest.UserID {
				t.Errorf("%s: sub at %s is %v, in the ID token %v", id, place, sub, claims["sub"])
			}
		}
		params.Set("id_token_hint", tokens.Get("id_token"))
		params.Set("prompt", "none")
		if _, answer := p.Authorize(t, browser, params).Redirect(t); answer.Get("code") == "" {
			t.Errorf("%s: as a hint: %v", id, answer)
		}
	}
	if subjects["one"] != subjects["sister"] || subjects["one"] == subjects["stranger"] {
		t.Errorf("subs by client: %v", subjects)
	}
}
