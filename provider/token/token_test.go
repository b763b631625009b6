package token_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const formType = "application/x-www-form-urlencoded"

// raw sends a body as it is, as the client that may introspect.
func raw(t *testing.T, p *providertest.Provider, method, path, contentType string, body io.Reader) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth(providertest.MachineID, providertest.ClientSecret)
	return providertest.Do(t, p.Client(), r)
}

// goodForm is a body that each of the endpoints accepts.
const goodForm = "grant_type=client_credentials&token=x"

// RFC 6749 §3.2: what is wrong with the form of a request is refused before any
// work, at each of the endpoints alike.
func TestMalformedRequestIsInvalid(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	var parts bytes.Buffer
	m := multipart.NewWriter(&parts)
	for _, name := range []string{"grant_type", "token"} {
		if err := m.WriteField(name, "client_credentials"); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ query, contentType, body string }{
		"a parameter twice":            {"", formType, goodForm + "&grant_type=client_credentials"},
		"a credential twice":           {"", formType, goodForm + "&client_id=a&client_id=a"},
		"an unknown parameter twice":   {"", formType, goodForm + "&x=1&x=2"},
		"a parameter twice, one empty": {"", formType, goodForm + "&token="},
		"multipart":                    {"", m.FormDataContentType(), parts.String()},
		"JSON":                         {"", "application/json", `{"grant_type":"client_credentials"}`},
		"no content type":              {"", "", goodForm},
		"a broken content type":        {"", "application/x-www-form-urlencoded; =", goodForm},
		"more than 64 KiB":             {"", formType, goodForm + "&x=" + strings.Repeat("x", 64<<10)},
		"very many parameters":         {"", formType, goodForm + strings.Repeat("&a", 30_000)},
		"a bad escape":                 {"", formType, goodForm + "&x=%zz"},
		"a semicolon":                  {"", formType, goodForm + "&a=1;b=2"},
		"not UTF-8":                    {"", formType, goodForm + "&client_id=%ff%fe"},
		"a NUL":                        {"", formType, goodForm + "&scope=a%00"},
		"a secret in the URL":          {"?client_secret=" + providertest.ClientSecret, formType, goodForm},
		"all in the URL":               {"?" + goodForm, formType, ""},
		"anything in the URL":          {"?x", formType, goodForm},
	}
	for name, test := range tests {
		for _, path := range []string{"/token", "/introspect", "/revoke"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				t.Parallel()
				res := raw(t, p, http.MethodPost, path+test.query, test.contentType, strings.NewReader(test.body))
				providertest.Refused(t, res, http.StatusBadRequest, "invalid_request")
			})
		}
	}
}

// A body of 64 KiB is read, also one that does not say how long it is.
func TestBodyUpToTheLimitIsRead(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	body := goodForm + "&x=" + strings.Repeat("x", 64<<10-len(goodForm)-3)
	for _, more := range []string{"", "x"} {
		res := raw(t, p, http.MethodPost, "/token", formType, io.MultiReader(strings.NewReader(body+more)))
		if good := more == ""; (res.StatusCode == http.StatusOK) != good {
			t.Errorf("%d bytes: status %d", len(body+more), res.StatusCode)
		}
	}
}

// RFC 6749 §3.2, RFC 7009 §2.1, RFC 7662 §2.1: POST, and nothing else.
func TestOnlyPOST(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			res := raw(t, p, method, path, formType, strings.NewReader(goodForm))
			if allow := res.Header.Values("Allow"); res.StatusCode != http.StatusMethodNotAllowed ||
				!strings.Contains(strings.Join(allow, ","), http.MethodPost) {
				t.Errorf("%s %s: status %d, Allow %q", method, path, res.StatusCode, allow)
			}
		}
	}
}

// RFC 6749 §5.2: each fault of a request has its code.
func TestTokenRequestFaults(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for name, test := range map[string]struct{ form, code string }{
		"no grant_type":         {"", "invalid_request"},
		"an empty grant_type":   {"grant_type=", "invalid_request"},
		"an unknown grant_type": {"grant_type=urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"},
		"implicit":              {"grant_type=implicit", "unsupported_grant_type"},
		"not the exact name":    {"grant_type=Authorization_Code&code=x", "unsupported_grant_type"},
		"two in one":            {"grant_type=authorization_code+refresh_token&code=x", "unsupported_grant_type"},
		"no code":               {"grant_type=authorization_code", "invalid_request"},
		"an empty code":         {"grant_type=authorization_code&code=", "invalid_request"},
		"no refresh_token":      {"grant_type=refresh_token", "invalid_request"},
		"a wrong code":          {"grant_type=authorization_code&code=x&redirect_uri=x", "invalid_grant"},
		"a wrong refresh_token": {"grant_type=refresh_token&refresh_token=x", "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form, err := url.ParseQuery(test.form)
			if err != nil {
				t.Fatal(err)
			}
			providertest.Refused(t, p.Token(t, form), http.StatusBadRequest, test.code)
		})
	}
}

// Who the client is comes before what it is granted: without a proof of the
// former nothing is learnt of the latter.
func TestUnknownClientLearnsNothingOfAGrant(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	good := p.Token(t, providertest.CodeForm(code), providertest.ClientID, "wrong")
	bad := p.Token(t, providertest.CodeForm("glc_x"), providertest.ClientID, "wrong")
	unknown := p.Token(t, providertest.CodeForm(code), "nobody", "wrong")
	for _, res := range []providertest.Response{good, bad, unknown} {
		providertest.Refused(t, res, http.StatusUnauthorized, "invalid_client")
		if res.Body != good.Body {
			t.Errorf("got %s, want %s", res.Body, good.Body)
		}
	}
	p.Granted(t, providertest.CodeForm(code))
}

// RFC 6749 §5.1: tokens are not cached, and no cookie is ever set.
func TestTokensAreNotCached(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	res := raw(t, p, http.MethodPost, "/token", formType, strings.NewReader(goodForm))
	for header, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Set-Cookie": "", "Access-Control-Allow-Origin": "",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
}

// Scripts of a client's own origin may read its tokens, those of others not.
func TestCORSIsForTheClientsOwnOrigins(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for origin, want := range map[string]string{
		"https://app.example": "https://app.example", "https://app.example.evil.example": "",
		"http://app.example": "", "https://app.example:444": "", "null": "", "https://APP.example": "",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/token",
			strings.NewReader(providertest.CodeForm("glc_x").Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", formType)
		r.Header.Set("Origin", origin)
		r.SetBasicAuth(providertest.ClientID, providertest.ClientSecret)
		res := providertest.Do(t, p.Client(), r)
		providertest.InvalidGrant(t, res)
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("Origin %s: allowed %q, want %q", origin, got, want)
		}
	}
}
