package pages

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// world is a provider and an application that signs people in with it.
type world struct {
	*providertest.Provider
	app *httptest.Server
}

// newWorld starts both. The provider is at localhost, where passkeys work, and the
// application at 127.0.0.1, which is another site to a browser.
func newWorld(t *testing.T, configure ...func(*config.Config)) *world {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>App</title><p id="arrived">%s%s</p>`,
			mark(r, "code"), mark(r, "error"))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!doctype html><html lang="en"><title>App</title><p id="home">The app</p>`)
	})
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1)
		for _, set := range configure {
			set(c)
		}
	}})
	w := &world{Provider: p, app: app}
	w.URL = p.Config.Issuer
	w.register(t, func(*storage.ClientMetadata) {})
	return w
}

// mark is a word for the answer's parameter, if it has it.
func mark(r *http.Request, parameter string) string {
	if r.FormValue(parameter) == "" {
		return ""
	}
	if parameter == "error" {
		return "error " + r.FormValue(parameter)
	}
	return "signed in"
}

// appID is the application's client id.
const appID = "walked"

// register registers the application, with changes.
func (w *world) register(t *testing.T, change func(*storage.ClientMetadata)) {
	t.Helper()
	m := storage.ClientMetadata{
		ClientName: "Walker’s Notes", ClientURI: w.app.URL + "/", RedirectURIs: []string{w.app.URL + "/callback"},
		PolicyURI: "https://walker.example/privacy", TosURI: "https://walker.example/terms",
		Scope: "openid profile email offline_access " + providertest.APIScope, GrantTypes: []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code"}, TokenEndpointAuthMethod: "client_secret_basic",
	}
	change(&m)
	w.SaveClient(t.Context(), t, appID, m)
}

// request is an authorization request of the application, with changes.
func (w *world) request(changes ...string) string {
	params := providertest.AuthorizeParams(map[string]string{
		"client_id": appID, "redirect_uri": w.app.URL + "/callback", "scope": "openid profile email",
	})
	return w.URL + "/authorize?" + providertest.With(params, changes...).Encode()
}

// arrives waits until the browser has come back to the application, which says how.
func (w *world) arrives(e *eye, how string) {
	e.Helper()
	e.Do(chromedp.WaitVisible(chromedp.CSS("#arrived")))
	if got := e.Text("#arrived"); got != how {
		e.Errorf("the application says %q, want %q", got, how)
	}
}

// person makes somebody who can sign in with providertest's password, and returns
// their address.
func (w *world) person(t *testing.T) string {
	t.Helper()
	u, err := w.Store.FindUser(t.Context(), providertest.UserID)
	if err != nil {
		t.Fatal(err)
	}
	u.ID = rand.Text()
	address := strings.ToLower(u.ID[:8]) + "@example.com"
	u.Identifiers, u.Claims.Email = []string{address}, address
	if err := w.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return address
}

// enter fills in fields by their ids, in pairs.
func (e *eye) enter(pairs ...string) {
	e.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Do(chromedp.SetValue(chromedp.CSS("#"+pairs[i]), pairs[i+1]))
	}
}
