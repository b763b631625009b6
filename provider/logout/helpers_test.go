package logout_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	afterURI = "https://app.example/signed-out"
	otherID  = "other"
	otherURI = "https://other.example/callback"
)

// onEachDatabase runs the test with a provider whose web client may have people
// sent back to afterURI, and that has another client with other people.
func onEachDatabase(t *testing.T, test func(*testing.T, *providertest.Provider)) {
	t.Helper()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		prepare(t, p)
		test(t, p)
	})
}

func newProvider(t *testing.T) *providertest.Provider {
	t.Helper()
	p := providertest.New(t, providertest.Options{})
	prepare(t, p)
	return p
}

func prepare(t *testing.T, p *providertest.Provider) {
	t.Helper()
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.PostLogoutRedirectURIs = []string{afterURI, afterURI + "?a=b"}
	})
	p.SaveClient(t.Context(), t, otherID, storage.ClientMetadata{
		ClientName: "Other App", RedirectURIs: []string{otherURI}, Scope: "openid profile offline_access",
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		TokenEndpointAuthMethod: "client_secret_basic",
		PostLogoutRedirectURIs:  []string{"https://other.example/bye"},
	})
	u, err := p.Store.FindUser(t.Context(), providertest.UserID)
	if err != nil {
		t.Fatal(err)
	}
	u.ID, u.Identifiers = "user-bo", []string{"bo", "bo@example.com"}
	u.Claims = storage.Claims{Name: "Bo Sample", Email: "bo@example.com"}
	if err := p.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

// params are those of a good request of the web client that is not for offline
// access, with changes: name, value, ….
func params(changes ...string) url.Values {
	return providertest.With(providertest.AuthorizeParams(map[string]string{"scope": "openid profile"}), changes...)
}

// signIn signs somebody in at the web client, beside those who are signed in in
// the browser, and returns the tokens.
func signIn(
	t *testing.T, p *providertest.Provider, browser *http.Client, username string, changes ...string,
) providertest.Tokens {
	t.Helper()
	res := p.Authorize(t, browser, providertest.With(params("prompt", "login"), changes...))
	res = p.Post(t, browser, "/login", url.Values{
		"request": {res.Pending(t)}, "username": {username}, "password": {providertest.Password},
	})
	if res.StatusCode == http.StatusOK && strings.Contains(res.Body, `name="decision"`) {
		res = p.Post(t, browser, "/consent", url.Values{"request": {res.Pending(t)}, "decision": {"allow"}})
	}
	_, q := res.Redirect(t)
	return p.Granted(t, providertest.CodeForm(q.Get("code")))
}

// other are the parameters of a good request of the other client.
func other(changes ...string) url.Values {
	return providertest.With(providertest.AuthorizeParams(map[string]string{
		"client_id": otherID, "redirect_uri": otherURI, "scope": "openid profile",
	}), changes...)
}

// signInAtOther takes the browser's session to the other client.
func signInAtOther(
	t *testing.T, p *providertest.Provider, browser *http.Client, changes ...string,
) providertest.Tokens {
	t.Helper()
	_, q := p.SignIn(t, browser, other(changes...)).Redirect(t)
	return p.Granted(t, providertest.With(providertest.CodeForm(q.Get("code")), "redirect_uri", otherURI),
		otherID, providertest.ClientSecret)
}

// endSession sends a logout request: name, value, ….
func endSession(t *testing.T, p *providertest.Provider, browser *http.Client, parameters ...string) providertest.Response {
	t.Helper()
	return p.Get(t, browser, "/end_session?"+providertest.With(url.Values{}, parameters...).Encode())
}

// confirm answers the page that asks.
func confirm(t *testing.T, p *providertest.Provider, browser *http.Client, res providertest.Response, decision string) providertest.Response {
	t.Helper()
	return p.Post(t, browser, "/logout", url.Values{"request": {wantAsked(t, res)}, "decision": {decision}})
}

// What the pages say.
const (
	askPage   = "Sign out?"
	outPage   = "You are signed out"
	stayPage  = "You are still signed in"
	wrongPage = "This sign-out request is not valid"
)

// brief describes a response in one line.
func brief(res providertest.Response) string {
	_, title, _ := strings.Cut(res.Body, "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return fmt.Sprintf("status %d, title %q, Location %q", res.StatusCode, title, res.Header.Get("Location"))
}

// wantPage checks that the response is a page of ours, and leads nowhere.
func wantPage(t *testing.T, res providertest.Response, status int, title string) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Location") != "" || !strings.Contains(res.Body, "<title>"+title) {
		t.Fatalf("want a page with status %d and title %q, got %s", status, title, brief(res))
	}
}

// wantAsked checks that the response asks, and returns its sealed request.
func wantAsked(t *testing.T, res providertest.Response) string {
	t.Helper()
	wantPage(t, res, http.StatusOK, askPage)
	return res.Pending(t)
}

// wantBack checks that the browser is sent to the address, to the letter.
func wantBack(t *testing.T, res providertest.Response, to string) {
	t.Helper()
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != to {
		t.Fatalf("want a redirect to %s, got %s", to, brief(res))
	}
}

// isSignedIn reports whether prompt=none succeeds.
func isSignedIn(t *testing.T, p *providertest.Provider, browser *http.Client) bool {
	t.Helper()
	_, q := p.Authorize(t, browser, params("prompt", "none")).Redirect(t)
	if q.Get("code") != "" {
		return true
	}
	if q.Get("error") != "login_required" {
		t.Fatalf("neither a code nor login_required: %v", q)
	}
	return false
}

func wantSignedIn(t *testing.T, p *providertest.Provider, browser *http.Client, want bool) {
	t.Helper()
	if got := isSignedIn(t, p, browser); got != want {
		t.Errorf("prompt=none says that the person is signed in: %t, want %t", got, want)
	}
}

// cookies are those that the browser has of us.
func cookies(t *testing.T, p *providertest.Provider, browser *http.Client) map[string]string {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range browser.Jar.Cookies(u) {
		found[c.Name] = c.Value
	}
	return found
}
