package providertest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// Token sends a token request, as the confidential client unless other Basic
// credentials are given; a user of "" sends none.
func (p *Provider) Token(t testing.TB, form url.Values, basic ...string) Response {
	t.Helper()
	if len(basic) == 0 {
		basic = []string{ClientID, ClientSecret}
	}
	if basic[0] == "" {
		basic = nil
	}
	return p.Post(t, p.Client(), "/token", form, basic...)
}

// Tokens are a successful answer of the token endpoint.
type Tokens map[string]any

// Get returns a token of the answer, "" if there is none of that name.
func (t Tokens) Get(name string) string {
	s, _ := t[name].(string)
	return s
}

// Granted sends a token request that must succeed, and returns the answer.
func (p *Provider) Granted(t testing.TB, form url.Values, basic ...string) Tokens {
	t.Helper()
	res := p.Token(t, form, basic...)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	return res.JSON(t)
}

// RefreshForm is the token request for a refresh token.
func RefreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// With returns the form with changes: "" takes a parameter away.
func With(form url.Values, changes ...string) url.Values {
	changed := maps.Clone(form)
	for i := 0; i < len(changes); i += 2 {
		changed.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			changed.Del(changes[i])
		}
	}
	return changed
}

// described is what error_description may consist of, RFC 6749 §5.2.
var described = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// Refused checks that the answer is an error of the form of RFC 6749 §5.2.
func Refused(t testing.TB, res Response, status int, code string) {
	t.Helper()
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d %s: %s", res.StatusCode, status, code, res.Body)
	}
	body := res.JSON(t)
	description, _ := body["error_description"].(string)
	if body["error"] != code || !described.MatchString(description) {
		t.Errorf("got %s, want %s with a description", res.Body, code)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}
	if got := res.Header.Get("WWW-Authenticate"); (got != "") != (status == http.StatusUnauthorized) {
		t.Errorf("WWW-Authenticate is %q with status %d", got, status)
	}
	if got := res.Header.Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After is %q with status %d", got, status)
	}
}

// InvalidGrant checks that the answer is invalid_grant.
func InvalidGrant(t testing.TB, res Response) {
	t.Helper()
	Refused(t, res, http.StatusBadRequest, "invalid_grant")
}

// Bearer sends a GET with an access token.
func (p *Provider) Bearer(t testing.TB, path, token string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return Do(t, p.Client(), r)
}

// Works reports whether userinfo accepts the answer's access token, which must
// be for openid.
func (p *Provider) Works(t testing.TB, tokens Tokens) bool {
	t.Helper()
	switch res := p.Bearer(t, "/userinfo", tokens.Get("access_token")); res.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusUnauthorized:
		return false
	default:
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
		return false
	}
}

// Ended checks that neither of the answer's tokens is good any more.
func (p *Provider) Ended(t testing.TB, tokens Tokens) {
	t.Helper()
	if p.Works(t, tokens) {
		t.Error("the access token is still good")
	}
	InvalidGrant(t, p.Token(t, RefreshForm(tokens.Get("refresh_token"))))
}

// Introspect asks about a token as the API.
func (p *Provider) Introspect(t testing.TB, token string) map[string]any {
	t.Helper()
	res := p.Post(t, p.Client(), "/introspect", url.Values{"token": {token}}, APIClientID, ClientSecret)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	return res.JSON(t)
}

// JWT decodes the header and the claims of a JWT.
func JWT(t testing.TB, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	for i, v := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatalf("part %d of %q: %v", i, token, err)
		}
	}
	return header, claims
}

// Parallel sends n requests at once and returns the answers.
func Parallel(n int, send func(i int) Response) []Response {
	responses := make([]Response, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			responses[i] = send(i)
		})
	}
	start.Done()
	done.Wait()
	return responses
}

// GrantOf returns the grant of a code, as it is stored.
func (p *Provider) GrantOf(t testing.TB, code string) *storage.Grant {
	t.Helper()
	state, err := p.Store.Read(t.Context(), storage.Wanted{Code: storage.HashOf(code)})
	if err != nil || state.Grant == nil {
		t.Fatalf("no grant of the code: %v", err)
	}
	return state.Grant
}

// ChangeClient changes what a client has registered, and lets so much time pass
// that everybody knows.
func (p *Provider) ChangeClient(t testing.TB, id string, change func(*storage.ClientMetadata)) {
	t.Helper()
	c, err := p.Store.FindClient(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	change(&c.Metadata)
	if err := p.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(client.Freshness)
}

// ChangeUser changes the fixture's person.
func (p *Provider) ChangeUser(t testing.TB, change func(*storage.User)) {
	t.Helper()
	u, err := p.Store.FindUser(t.Context(), UserID)
	if err != nil {
		t.Fatal(err)
	}
	change(&u)
	if err := p.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

// CleanUp deletes all that nothing can ask for any more.
func (p *Provider) CleanUp(t testing.TB) {
	t.Helper()
	const limit = 1000
	for n := limit; n > 0; {
		var err error
		if n, err = p.Store.DeleteExpired(t.Context(), p.Clock.Now(), limit); err != nil {
			t.Fatal(err)
		}
	}
}

// SignJWT signs claims as a client of ours may, with members of its choice in the
// header.
func SignJWT(t testing.TB, alg string, key any, claims any, header map[string]any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}
