package authorize_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func newProvider(t *testing.T) *providertest.Provider {
	t.Helper()
	return providertest.New(t, providertest.Options{})
}

// params are [providertest.AuthorizeParams] with changes: name, value, ….
func params(changes ...string) url.Values {
	return providertest.With(providertest.AuthorizeParams(nil), changes...)
}

// native are the parameters of a good request of the public client.
func native(changes ...string) url.Values {
	return providertest.With(params("client_id", providertest.PublicID, "redirect_uri", providertest.NativeURI), changes...)
}

// credentials answer a sign-in page as the fixture's person.
func credentials(sealed string) url.Values {
	return url.Values{"request": {sealed}, "username": {providertest.Username}, "password": {providertest.Password}}
}

func decision(sealed, decision string) url.Values {
	return url.Values{"request": {sealed}, "decision": {decision}}
}

// signedIn returns a browser in which the fixture's person is signed in and has
// allowed all that params asks for.
func signedIn(t *testing.T, p *providertest.Provider) *http.Client {
	t.Helper()
	browser := providertest.Browser(t)
	p.Code(t, browser, params())
	return browser
}

// brief describes a response in one line.
func brief(res providertest.Response) string {
	_, title, _ := strings.Cut(res.Body, "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return fmt.Sprintf("status %d, title %q, Location %q", res.StatusCode, title, res.Header.Get("Location"))
}

// wantLogin checks that this is the sign-in page, and returns its sealed request.
func wantLogin(t *testing.T, res providertest.Response) string {
	t.Helper()
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Body, `name="password"`) {
		t.Fatalf("not the sign-in page: %s", brief(res))
	}
	return res.Pending(t)
}

// wantConsent checks that this is the consent page, and returns its sealed request.
func wantConsent(t *testing.T, res providertest.Response) string {
	t.Helper()
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Body, `name="decision"`) {
		t.Fatalf("not the consent page: %s", brief(res))
	}
	return res.Pending(t)
}

// wantCode checks that the response is a code at the redirect URI of params.
func wantCode(t *testing.T, res providertest.Response) string {
	t.Helper()
	to, q := res.Redirect(t)
	if to != providertest.RedirectURI || q.Get("code") == "" {
		t.Fatalf("no code: to %s with %v", to, q)
	}
	return q.Get("code")
}

// wantError checks that the response is an error at the redirect URI of params.
func wantError(t *testing.T, res providertest.Response, code string) {
	t.Helper()
	to, q := res.Redirect(t)
	if to != providertest.RedirectURI || q.Get("error") != code {
		t.Fatalf("no %s: to %s with %v", code, to, q)
	}
}

// wantPage checks that the response is a page of ours, and leads nowhere.
func wantPage(t *testing.T, res providertest.Response, status int, text string) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Location") != "" ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(res.Body, text) {
		t.Fatalf("want a page with status %d and %q, got %s", status, text, brief(res))
	}
}

// What the pages say.
const (
	invalidPage = "This sign-in request is not valid"
	expiredPage = "This sign-in link has expired"
	faultPage   = "Something went wrong"
	denied      = "do not match"
)

var (
	formAction = regexp.MustCompile(`<form [^>]*method="post" action="([^"]*)"`)
	formInput  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// answerOf returns where a response to the client goes and its parameters,
// whatever its mode.
func answerOf(t *testing.T, res providertest.Response, mode string) (to string, answer url.Values) {
	t.Helper()
	if mode == "form_post" {
		action := formAction.FindStringSubmatch(res.Body)
		if res.StatusCode != http.StatusOK || action == nil {
			t.Fatalf("no form: %s", brief(res))
		}
		answer = url.Values{}
		for _, input := range formInput.FindAllStringSubmatch(res.Body, -1) {
			answer.Add(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
		}
		return html.UnescapeString(action[1]), answer
	}
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("no redirect: %s", brief(res))
	}
	separator := map[string]string{"query": "?", "fragment": "#"}[mode]
	to, encoded, ok := strings.Cut(res.Header.Get("Location"), separator)
	if !ok {
		t.Fatalf("not in the %s: %s", mode, res.Header.Get("Location"))
	}
	answer, err := url.ParseQuery(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return to, answer
}

// saveUser adds another person with the fixture's password.
func saveUser(t *testing.T, p *providertest.Provider, id string, change func(*storage.User)) {
	t.Helper()
	u, err := p.Store.FindUser(t.Context(), providertest.UserID)
	if err != nil {
		t.Fatal(err)
	}
	u.ID, u.Identifiers = id, []string{id, id + "@example.com"}
	u.Claims = storage.Claims{Name: id, Email: id + "@example.com"}
	change(&u)
	if err := p.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

// addBo adds Bo, who signs in with the fixture's password.
func addBo(t *testing.T, p *providertest.Provider) {
	t.Helper()
	saveUser(t, p, "bo", func(*storage.User) {})
}

// The names of the cookies of an http issuer.
const (
	sessionCookie = "gatelodge-session"
	deviceCookie  = "gatelodge-device"
)

func cookieURL(t *testing.T, p *providertest.Provider) *url.URL {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// setSession gives the browser a session cookie, or takes it away if value is "".
func setSession(t *testing.T, p *providertest.Provider, browser *http.Client, value string) {
	t.Helper()
	c := &http.Cookie{Name: sessionCookie, Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	browser.Jar.SetCookies(cookieURL(t, p), []*http.Cookie{c})
}

// cookie returns the value of a cookie in the browser, "" if there is none.
func cookie(t *testing.T, p *providertest.Provider, browser *http.Client, name string) string {
	t.Helper()
	for _, c := range browser.Jar.Cookies(cookieURL(t, p)) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// headers is what a browser's requests have beside the usual.
type headers map[string]string

// sender sends requests with its headers.
type sender struct {
	headers
	http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range s.headers {
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	return s.RoundTripper.RoundTrip(r)
}

// sending returns the browser, cookies and all, sending the headers.
func sending(browser *http.Client, h headers) *http.Client {
	b := *browser
	b.Transport = sender{h, browser.Transport}
	return &b
}
