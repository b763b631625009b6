package resource_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/resource"
)

// call sends a request with the Authorization values to an API that wants the
// scope notes.read.
func call(tb testing.TB, v *resource.Verifier, authorization ...string) *httptest.ResponseRecorder {
	tb.Helper()
	h := v.Require("notes.read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := resource.FromContext(r.Context())
		if !ok {
			tb.Error("no token in the context")
			return
		}
		_, _ = io.WriteString(w, token.Subject)
	}))
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/notes?access_token=x", nil)
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// RFC 6750 §3: the status and the challenge of each refusal.
func TestRefusalsFollowTheBearerScheme(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	key, v := i.publish(t, jose.ES256), i.verifier(t)
	good := key.sign(t, i.claims(nil), nil)
	const realm = `Bearer realm="https://api.example"`
	const scope = `, scope="notes.read"`
	for _, test := range []struct {
		name          string
		authorization []string
		status        int
		challenge     string
	}{
		{"good", []string{"Bearer " + good}, 200, ""},
		{"scheme in another case", []string{"bearer " + good}, 200, ""},
		{"no token", nil, 401, realm + scope},
		{"another scheme", []string{"Basic YTpi"}, 401, realm + scope},
		{
			"garbage",
			[]string{"Bearer x"},
			401,
			realm + `, error="invalid_token", error_description="the access token is not a JWT signed with an accepted algorithm"` + scope,
		},
		{
			"for another API",
			[]string{"Bearer " + key.sign(t, i.claims(map[string]any{"aud": "x"}), nil)},
			401,
			realm + `, error="invalid_token", error_description="the access token is not for this API"` + scope,
		},
		{
			"without the scope",
			[]string{"Bearer " + key.sign(t, i.claims(map[string]any{"scope": "notes.reader"}), nil)},
			403,
			realm + `, error="insufficient_scope", error_description="the access token lacks a scope"` + scope,
		},
		{
			"empty",
			[]string{"Bearer "},
			400,
			realm + `, error="invalid_request", error_description="the Authorization header is malformed"`,
		},
		{
			"twice",
			[]string{"Bearer " + good, "Bearer " + good},
			400,
			realm + `, error="invalid_request", error_description="the Authorization header is malformed"`,
		},
	} {
		res := call(t, v, test.authorization...)
		if got := res.Header().Get("WWW-Authenticate"); res.Code != test.status || got != test.challenge {
			t.Errorf("%s: %d %s", test.name, res.Code, got)
		}
		if test.status != 200 && (res.Header().Get("Cache-Control") != "no-store" || res.Header().Get("Content-Type") != "application/json") {
			t.Errorf("%s: header %v", test.name, res.Header())
		}
	}
}

// An outage is never a refusal: a client that got 401 would throw its token away.
func TestUnreachableIssuerIs503(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
	i.Close()
	res := call(t, i.verifier(t), "Bearer "+raw)
	if res.Code != http.StatusServiceUnavailable || res.Header().Get("Retry-After") == "" || res.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v", res.Code, res.Header())
	}
}
