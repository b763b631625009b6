package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Verifier is a PKCE verifier for tests, and Challenge its challenge.
const Verifier = "a-verifier-of-forty-three-characters-or-more-0"

// Challenge is the S256 challenge of Verifier.
func Challenge() string {
	sum := sha256.Sum256([]byte(Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func newJar(t testing.TB) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

// AuthorizeParams are the parameters of a good authorization request of the
// confidential client, with changes: "" takes a parameter away.
func AuthorizeParams(changes map[string]string) url.Values {
	v := url.Values{
		"client_id": {ClientID}, "redirect_uri": {RedirectURI}, "response_type": {"code"},
		"scope": {"openid profile email offline_access"}, "state": {"a-state"}, "nonce": {"a-nonce"},
		"code_challenge": {Challenge()}, "code_challenge_method": {"S256"},
	}
	for name, value := range maps.All(changes) {
		if v.Set(name, value); value == "" {
			v.Del(name)
		}
	}
	return v
}

// Response is a response that has been read.
type Response struct {
	*http.Response
	Body string
}

// JSON decodes the body.
func (r Response) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", r.StatusCode, r.Body, err)
	}
	return v
}

// Redirect returns where the response leads and its query parameters.
func (r Response) Redirect(t testing.TB) (string, url.Values) {
	t.Helper()
	u, err := r.Location()
	if err != nil {
		t.Fatalf("status %d, body %q: %v", r.StatusCode, r.Body, err)
	}
	q := u.Query()
	u.RawQuery = ""
	return u.String(), q
}

// Answer returns the redirect URI of an authorization response and its
// parameters, from the fragment if they are there.
func (r Response) Answer(t testing.TB) (string, url.Values) {
	t.Helper()
	u, err := r.Location()
	if err != nil {
		t.Fatalf("status %d, body %q: %v", r.StatusCode, r.Body, err)
	}
	if u.Fragment == "" {
		return r.Redirect(t)
	}
	parameters, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		t.Fatal(err)
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), parameters
}

var hidden = regexp.MustCompile(`name="request" value="([^"]*)"`)

// Pending returns the sealed request in a page of ours.
func (r Response) Pending(t testing.TB) string {
	t.Helper()
	m := hidden.FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatalf("no pending request in the page: status %d, body %q", r.StatusCode, r.Body)
	}
	return html.UnescapeString(m[1])
}

// Do sends a request and reads the answer.
func Do(t testing.TB, c *http.Client, r *http.Request) Response {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{res, string(body)}
}

// Get fetches a path of the provider's.
func (p *Provider) Get(t testing.TB, c *http.Client, path string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Do(t, c, r)
}

// Post sends a form to a path of the provider's, with Basic credentials if a
// user is given.
func (p *Provider) Post(t testing.TB, c *http.Client, path string, form url.Values, basic ...string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(basic) == 2 {
		r.SetBasicAuth(basic[0], basic[1])
	}
	return Do(t, c, r)
}

// Authorize sends an authorization request.
func (p *Provider) Authorize(t testing.TB, c *http.Client, params url.Values) Response {
	t.Helper()
	return p.Get(t, c, "/authorize?"+params.Encode())
}

// SignIn goes through an authorization request with the fixture's person: the
// sign-in page if it is shown, the consent page if it is shown. It returns the
// response that ends it.
func (p *Provider) SignIn(t testing.TB, c *http.Client, params url.Values) Response {
	t.Helper()
	res := p.Authorize(t, c, params)
	if res.StatusCode == http.StatusOK && strings.Contains(res.Body, `name="password"`) {
		res = p.Post(t, c, "/login", url.Values{
			"request": {res.Pending(t)}, "username": {Username}, "password": {Password},
		})
	}
	if res.StatusCode == http.StatusOK && strings.Contains(res.Body, `name="decision"`) {
		res = p.Post(t, c, "/consent", url.Values{"request": {res.Pending(t)}, "decision": {"allow"}})
	}
	return res
}

// Code signs the fixture's person in and returns a code.
func (p *Provider) Code(t testing.TB, c *http.Client, params url.Values) string {
	t.Helper()
	res := p.SignIn(t, c, params)
	_, q := res.Redirect(t)
	if q.Get("code") == "" {
		t.Fatalf("no code: %v", q)
	}
	return q.Get("code")
}

// CodeForm is the token request for a code of [AuthorizeParams].
func CodeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {RedirectURI}, "code_verifier": {Verifier},
	}
}

// Tokens signs the fixture's person in and exchanges the code.
func (p *Provider) Tokens(t testing.TB) Tokens {
	t.Helper()
	return p.Granted(t, CodeForm(p.Code(t, Browser(t), AuthorizeParams(nil))))
}
