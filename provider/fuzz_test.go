package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// No input makes the back channel fail: on PostgreSQL, which is the stricter of
// the two about what can be asked of it.
func FuzzBackChannelNeverFails(f *testing.F) {
	p := providertest.New(f, providertest.Options{
		Store: providertest.Postgres(f, pgtest.NewDatabase(f), nil), Configure: withPasswordGrant,
	})
	const client = "client_id=web&client_secret=" + secret + "&"
	for _, body := range []string{
		client + "grant_type=authorization_code&code=glc_%c3%28",
		client + "grant_type=authorization_code&code=x&redirect_uri=%ff&code_verifier=%00",
		client + "grant_type=refresh_token&refresh_token=%F0%9F%92%A9&scope=%01",
		client + "grant_type=password&username=%e2%80%ae&password=%7f",
		client + "grant_type=password&username=" + strings.Repeat("%E2%98%83", 5000) + "&password=x",
		client + "grant_type=password&username=alex&password=" + strings.Repeat("x", 60_000),
		client + "grant_type=client_credentials&scope=%22%5c&resource=x&resource=%c2%80",
		client + "token=eyJhbGciOiJFUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJhdCtqd3QifQ.e30.AA",
		client + "token=gla_%0a&token_type_hint=%0d",
		"client_id=%00", "client_id=%ff&client_secret=x", "client_id=" + strings.Repeat("x", 60_000),
		"client_id=web&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer" +
			"&client_assertion=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJcdTAwMDAifQ.AA",
		"access_token=%00", "access_token=gla_%00", "", "%", "=&=", "\x00\xff",
	} {
		f.Add("", body)
	}
	for _, authorization := range []string{
		"Basic AP8=", "Basic ADr/", "Basic d2ViOv8=", "Basic", "Bearer \x01", "Bearer gla_\u00ff", "Bearer a.b.c", ",", "Basic d2ViOiU=",
	} {
		f.Add(authorization, "grant_type=client_credentials&token=x")
	}
	f.Fuzz(func(t *testing.T, authorization, body string) {
		for _, path := range []string{"/token", "/introspect", "/revoke", "/userinfo"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			res, err := p.Client().Do(r)
			if _, invalid := err.(*url.Error); invalid { //nolint:errorlint // a header that cannot be sent
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode >= http.StatusInternalServerError {
				t.Errorf("%s: status %d", path, res.StatusCode)
			}
			if err := res.Body.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
