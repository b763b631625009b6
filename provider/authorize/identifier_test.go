package authorize_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func identifierFirst(c *config.Config) { c.Accounts.SignIn = "identifier_first" }

// wantIdentifier checks that this is the page that asks for the identifier alone.
func wantIdentifier(t *testing.T, res providertest.Response, status int) string {
	t.Helper()
	if res.StatusCode != status || strings.Contains(res.Body, `name="password"`) || !strings.Contains(res.Body, `action="/login/identifier"`) {
		t.Fatalf("not the page for the identifier: %s", brief(res))
	}
	return res.Pending(t)
}

func entered(sealed, username string) url.Values {
	return url.Values{"request": {sealed}, "username": {username}}
}

func TestIdentifierIsAskedForFirst(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: identifierFirst})
	browser := providertest.Browser(t)
	sealed := wantIdentifier(t, p.Authorize(t, browser, params()), http.StatusOK)
	wantIdentifier(t, p.Post(t, browser, "/login/identifier", entered(sealed, " ")), http.StatusUnprocessableEntity)
	page := p.Post(t, browser, "/login/identifier", providertest.With(entered(sealed, providertest.Username), "remember", "yes"))
	if wantLogin(t, page); !readonly.MatchString(page.Body) || !remembers(page) {
		t.Errorf("the page does not keep what was entered: %s", page.Body)
	}
	wrong := providertest.With(credentials(page.Pending(t)), "password", "wrong")
	page = p.Post(t, browser, "/login", wrong)
	if wantPage(t, page, http.StatusUnprocessableEntity, denied); !readonly.MatchString(page.Body) {
		t.Error("the identifier is lost with a wrong password")
	}
	wantIdentifier(t, p.Post(t, browser, "/login/switch", url.Values{"request": {page.Pending(t)}}), http.StatusOK)
	wantConsent(t, p.Post(t, browser, "/login", credentials(page.Pending(t))))
	// Who is known need not say it: a hint, or whoever signs in once more.
	for _, changes := range [][]string{{"prompt", "login"}, {"prompt", "login", "login_hint", providertest.Username}} {
		if page := p.Authorize(t, browser, params(changes...)); !readonly.MatchString(page.Body) {
			t.Errorf("%v: the identifier is asked for again", changes)
		}
	}
}

var readonly = regexp.MustCompile(`value="alex@example.com"[^>]* readonly`)

// Nothing tells whether somebody has an account, nor how they sign in.
func TestPasswordPageIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: identifierFirst})
	saveUser(t, p, "bo", func(u *storage.User) { u.PasswordHash = "" })
	browser := providertest.Browser(t)
	sealed := wantIdentifier(t, p.Authorize(t, browser, params()), http.StatusOK)
	pages := map[string]bool{}
	for _, name := range []string{providertest.Username, "bo@example.com", "nobody@example.com"} {
		page := p.Post(t, browser, "/login/identifier", entered(sealed, name))
		body := strings.ReplaceAll(varying.ReplaceAllString(page.Body, ""), name, "X")
		pages[body] = true
	}
	if len(pages) != 1 {
		t.Errorf("there are %d different pages: %q", len(pages), slices.Collect(maps.Keys(pages)))
	}
}

// varying is what differs from one page to the next anyway: sealed requests and
// challenges.
var varying = regexp.MustCompile(`value="[^"]{40,}"|data-options="[^"]*"`)
