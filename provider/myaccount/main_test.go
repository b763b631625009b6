package myaccount_test

import (
	"encoding/base64"
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

// onEach runs the test on every database.
func onEach(t *testing.T, test func(*testing.T, *providertest.Provider)) {
	t.Helper()
	providertest.OnEachDatabase(t, providertest.Options{}, test)
}

// follow sends the browser through the door, and signs in as the person if asked to.
// It returns the page that the browser ends at.
func follow(t *testing.T, p *providertest.Provider, browser *http.Client, res providertest.Response, username string) providertest.Response {
	t.Helper()
	for range 6 {
		switch {
		case res.StatusCode == http.StatusSeeOther:
			path, ours := strings.CutPrefix(res.Header.Get("Location"), p.Config.Issuer)
			if !ours {
				t.Fatalf("led to %s", res.Header.Get("Location"))
			}
			res = p.Get(t, browser, path)
		case strings.Contains(res.Body, `action="/login"`):
			res = p.Post(t, browser, "/login", url.Values{
				"request": {res.Pending(t)}, "username": {username}, "password": {providertest.Password},
			})
		default:
			return res
		}
	}
	t.Fatalf("no end of redirects: %s", res.Header.Get("Location"))
	return res
}

// enter signs the fixture's person in and returns the page.
func enter(t *testing.T, p *providertest.Provider, browser *http.Client, path string) providertest.Response {
	t.Helper()
	return follow(t, p, browser, p.Get(t, browser, path), providertest.Username)
}

// signedIn returns a browser in which the fixture's person has just signed in.
func signedIn(t *testing.T, p *providertest.Provider) *http.Client {
	t.Helper()
	browser := providertest.Browser(t)
	wantPage(t, enter(t, p, browser, "/account"), http.StatusOK, "Your account")
	return browser
}

// proves goes through the door to the page, and proves the second factor there.
func proves(t *testing.T, p *providertest.Provider, browser *http.Client, name string, answer func(providertest.Response) string, path string) providertest.Response {
	t.Helper()
	page := enter(t, p, browser, path)
	wantPage(t, page, http.StatusOK, "Confirm that it is you")
	res := p.Post(t, browser, "/login/factor", url.Values{"request": {page.Pending(t)}, name: {answer(page)}})
	return wantBack(t, p, browser, res, path)
}

func wantPage(t *testing.T, res providertest.Response, status int, text string) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Location") != "" || !strings.Contains(res.Body, text) {
		t.Fatalf("want a page with status %d and %q, got %d, Location %q: %s",
			status, text, res.StatusCode, res.Header.Get("Location"), res.Body)
	}
}

// wantBack checks that the response leads back to the page, and returns that.
func wantBack(t *testing.T, p *providertest.Provider, browser *http.Client, res providertest.Response, path string) providertest.Response {
	t.Helper()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != p.Config.Issuer+path {
		t.Fatalf("want to go back to %s, got status %d, Location %q: %s", path, res.StatusCode, to, res.Body)
	}
	return p.Get(t, browser, path)
}

// wantDoor checks that the browser is sent to sign in and to come back to the page.
func wantDoor(t *testing.T, p *providertest.Provider, res providertest.Response, path string) {
	t.Helper()
	to, q := res.Redirect(t)
	if res.StatusCode != http.StatusSeeOther || to != p.Config.Issuer+"/authorize" || q.Get("redirect_uri") != p.Config.Issuer+path {
		t.Fatalf("want to sign in for %s, got status %d, to %s with %v", path, res.StatusCode, to, q)
	}
}

// mine is a form on a page of the fixture's person: name, value, ….
func mine(fields ...string) url.Values {
	return providertest.With(url.Values{"account": {providertest.UserID}}, fields...)
}

// user is the fixture's person as stored.
func user(t *testing.T, p *providertest.Provider) storage.User {
	t.Helper()
	u, err := p.Store.FindUser(t.Context(), providertest.UserID)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// events are the names of what has happened to the person's account.
func events(t *testing.T, p *providertest.Provider) []string {
	t.Helper()
	found, err := p.Store.ListActivity(t.Context(), providertest.UserID, p.Clock.Now().AddDate(1, 0, 0), 100)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range found {
		names = append(names, a.Event)
	}
	return names
}

// value is what an input of the page has.
func value(t *testing.T, page providertest.Response, name string) string {
	t.Helper()
	m := regexp.MustCompile(`<input [^>]*name="` + name + `"[^>]* value="([^"]*)"`).FindStringSubmatch(page.Body)
	if m == nil {
		t.Fatalf("no input %s in %s", name, page.Body)
	}
	return html.UnescapeString(m[1])
}

// addBo adds Bo, who signs in with the fixture's password.
func addBo(t *testing.T, p *providertest.Provider) {
	t.Helper()
	u := user(t, p)
	u.ID, u.Identifiers = "bo", []string{"bo@example.com"}
	u.Claims = storage.Claims{Name: "Bo Other", Email: "bo@example.com", EmailVerified: true}
	if err := p.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
