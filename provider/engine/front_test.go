package engine_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// everyResponseType lets the web client use all of them, with the algorithm.
func everyResponseType(t *testing.T, p *providertest.Provider, alg string) {
	t.Helper()
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.ResponseTypes = client.ResponseTypes()
		m.GrantTypes = append(m.GrantTypes, "implicit")
		m.IDTokenSignedResponseAlg = alg
	})
}

// OpenID Connect Core §3.2.2.5, §3.2.2.10, §3.3.2.5 and §3.3.2.11: what each
// response type returns, and that the ID token binds what comes with it, for each
// algorithm.
func TestFrontChannelResponses(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, alg := range p.Keys.Algorithms() {
		everyResponseType(t, p, alg)
		browser := providertest.Browser(t)
		for _, responseType := range client.ResponseTypes() {
			res := p.SignIn(t, browser, providertest.AuthorizeParams(map[string]string{"response_type": responseType}))
			uri, got := res.Answer(t)
			if uri != providertest.RedirectURI {
				t.Errorf("%s: answered at %s", responseType, uri)
			}
			want := []string{"iss", "session_state", "state"}
			parts := strings.Fields(responseType)
			for part, parameters := range map[string][]string{
				"code": {"code"}, "token": {"access_token", "expires_in", "scope", "token_type"}, "id_token": {"id_token"},
			} {
				if slices.Contains(parts, part) {
					want = append(want, parameters...)
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("%s: parameters (-want +got):\n%s", responseType, diff)
			}
			if got.Has("id_token") {
				claims := verify(t, p, got.Get("id_token"), alg, "JWT")
				for hash, value := range map[string]string{"at_hash": "access_token", "c_hash": "code", "s_hash": "state"} {
					if want := leftHalf(alg, got.Get(value)); got.Has(value) && claims[hash] != want {
						t.Errorf("%s, %s: %s is %v, want %s", alg, responseType, hash, claims[hash], want)
					}
					if !got.Has(value) && claims[hash] != nil {
						t.Errorf("%s, %s: %s of nothing", alg, responseType, hash)
					}
				}
				_, told := claims["email"]
				if told != (responseType == "id_token") { // §5.4: there is no other way to learn it
					t.Errorf("%s: the ID token has the email: %t", responseType, told)
				}
				if claims["nonce"] != "a-nonce" {
					t.Errorf("%s: nonce %v", responseType, claims["nonce"])
				}
			}
			if got.Has("access_token") {
				if res := p.Bearer(t, "/userinfo", got.Get("access_token")); res.StatusCode != http.StatusOK {
					t.Errorf("%s: userinfo answers %d", responseType, res.StatusCode)
				}
			}
			if got.Has("code") {
				tokens := p.Granted(t, providertest.CodeForm(got.Get("code")))
				claims := verify(t, p, tokens.Get("id_token"), alg, "JWT")
				if claims["c_hash"] != nil || claims["at_hash"] != leftHalf(alg, tokens.Get("access_token")) {
					t.Errorf("%s: hashes of the exchange %v", responseType, claims)
				}
			}
		}
	}
}

// RFC 6749 §4.1.2 and RFC 6749 §10.5: a code that comes back ends all that came
// of its authorization, the access token in the front channel included.
func TestReusedHybridCodeEndsTheFrontChannelsToken(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	everyResponseType(t, p, "")
	res := p.SignIn(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"response_type": "code token"}))
	_, got := res.Answer(t)
	p.Granted(t, providertest.CodeForm(got.Get("code")))
	p.Clock.Advance(time.Minute / 2)
	providertest.InvalidGrant(t, p.Token(t, providertest.CodeForm(got.Get("code"))))
	if res := p.Bearer(t, "/userinfo", got.Get("access_token")); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the front channel's token lives: %d", res.StatusCode)
	}
}

// OpenID Connect Core §11: no refresh token can come of a response without code.
func TestImplicitGrantsAreNotOffline(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	everyResponseType(t, p, "")
	res := p.SignIn(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"response_type": "id_token token"}))
	if _, got := res.Answer(t); strings.Contains(got.Get("scope"), "offline_access") {
		t.Errorf("scope %q", got.Get("scope"))
	}
}

// OpenID Connect Core §3.3.2.5: an access token in the front channel has its own
// lifetime, and not that of a code beside it that nobody redeems.
func TestFrontChannelsTokenOutlivesItsCode(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	everyResponseType(t, p, "")
	res := p.SignIn(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"response_type": "code token"}))
	_, got := res.Answer(t)
	p.Clock.Advance(p.Config.Lifetimes.Code + time.Minute)
	p.CleanUp(t)
	if res := p.Bearer(t, "/userinfo", got.Get("access_token")); res.StatusCode != http.StatusOK {
		t.Errorf("the front channel's token has gone with its code: %d", res.StatusCode)
	}
}
