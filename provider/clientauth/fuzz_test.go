package clientauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Whatever a request presents, it is refused in the protocol's words, or is
// taken for one client that it does not become without its secret or key.
func FuzzIdentify(f *testing.F) {
	keys := providertest.New(f, providertest.Options{}).Secrets
	authenticator := &clientauth.Authenticator{
		Secrets: client.SecretKey(keys), Keys: client.NewKeys(nil), Audiences: []string{"https://op.example"}, Now: time.Now,
	}
	for _, seed := range []struct{ authorization, body string }{
		{basic("client", "secret"), ""},
		{basic("client", ""), "client_id=client"},
		{basic("%zz", "%"), "client_id=%25zz"},
		{"Basic Og==", "client_id=a&client_secret=b"},
		{"Bearer x", ""},
		{"", "client_id=client&client_secret=x"},
		{"", "client_assertion_type=" + url.QueryEscape(jwtBearer) + "&client_assertion=a.b.c"},
		{"", "client_assertion_type=" + url.QueryEscape(jwtBearer) +
			"&client_assertion=eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdfQ.eyJzdWIiOiJjbGllbnQiLCJhdWQiOltdfQ.AAAA"},
		{"", "client_assertion=&client_assertion_type="},
	} {
		f.Add(seed.authorization, seed.body)
	}
	f.Fuzz(func(t *testing.T, authorization, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header.Set("Authorization", authorization)
		credentials, err := clientauth.Identify(r, form)
		if err != nil {
			refusal(t, err)
			return
		}
		if credentials.ClientID == "" {
			t.Error("accepted without a client_id")
		}
		for _, method := range []string{"client_secret_basic", "private_key_jwt", ""} {
			_, err := authenticator.Check(t.Context(), credentials, &storage.Client{
				ID: credentials.ClientID, SecretHash: client.HashSecret(keys, credentials.ClientID, secretNobodySends),
				Metadata: storage.ClientMetadata{TokenEndpointAuthMethod: method, JWKS: []byte(`{"keys":[{}]}`)},
			})
			if err == nil {
				t.Errorf("authenticated by %q", method)
				continue
			}
			refusal(t, err)
		}
	})
}

const secretNobodySends = "5d3a0c1e-never-in-a-corpus"

func refusal(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*oauth.Error](err)
	if !ok || e.Code != oauth.InvalidRequest && e.Code != oauth.InvalidClient {
		t.Errorf("got %v, want invalid_request or invalid_client", err)
	}
}
