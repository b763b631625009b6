package register_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// No input makes registration fail, and what is registered can be read: on
// PostgreSQL, which is the stricter of the two about what it stores.
func FuzzRegistrationNeverFails(f *testing.F) {
	p := providertest.New(f, providertest.Options{
		Store: providertest.Postgres(f, pgtest.NewDatabase(f), nil),
		Configure: func(c *config.Config) {
			c.Registration.Policy, c.Registration.PerNetwork = "open", 1<<30
		},
	})
	const good = `"redirect_uris":["https://client.example/cb"]`
	for _, body := range []string{
		`{` + good + `}`,
		`{` + good + `,"client_name":"\u0000"}`,
		`{` + good + `,"client_name":"\ud800"}`,
		`{` + good + `,"default_max_age":1e400}`,
		`{` + good + `,"default_max_age":9223372036854775807}`,
		`{` + good + `,"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}}`,
		`{` + good + `,"jwks":{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","kid":"\u0000"}]}}`,
		`{` + good + `,"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}}`,
		`{` + good + `,"jwks":1e-99999}`,
		`{"redirect_uris":[null,""],"request_uris":["https://a#\u0001"]}`,
		`{"redirect_uris":["https://[::1%25x]/","https://a:99999/"]}`,
		`{` + good + `,"scope":"\u00a0openid"}`,
		`{"":0}`, `{}`, `[]`, `{`, `{"a":{"a":[{}]}}`, "\xff",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		res := fuzzed(t, p, http.MethodPost, p.URL+"/register", "", body)
		if res.StatusCode == http.StatusBadRequest {
			return
		}
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("status %d: %s", res.StatusCode, res.Body)
		}
		answer := res.JSON(t)
		uri, _ := answer["registration_client_uri"].(string)
		token, _ := answer["registration_access_token"].(string)
		if res := fuzzed(t, p, http.MethodGet, uri, token, ""); res.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", res.StatusCode, res.Body)
		}
	})
}

func fuzzed(t *testing.T, p *providertest.Provider, method, address, token, body string) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return providertest.Do(t, p.Client(), r)
}
