package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// A sign-out that was acknowledged is true after kill -9, and the clients hear of
// it from the next process: nobody but the database has to remember.
func TestSignOutSurvivesKill(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		addr := "127.0.0.1:" + freePort(t)
		p.calls(t, addr)
		browser, params := p.client(t), providertest.AuthorizeParams(nil)
		tokens := p.Granted(t, providertest.CodeForm(p.Code(t, browser, params)))
		out := "/end_session?" + url.Values{"id_token_hint": {tokens.Get("id_token")}}.Encode()
		if res := p.Get(t, browser, out); res.StatusCode != http.StatusOK || !strings.Contains(res.Body, "You are signed out") {
			t.Fatalf("status %d: %s", res.StatusCode, res.Body)
		}
		p.says(t, "delivery failed") // nobody is there
		p.kill()

		arrived := listen(t, addr)
		p.start(t)
		_, answer := p.Authorize(t, browser, providertest.With(params, "prompt", "none")).Redirect(t)
		if answer.Get("error") != "login_required" {
			t.Errorf("the session is back: %v", answer)
		}
		_, claims := providertest.JWT(t, <-arrived)
		if claims["sub"] != providertest.UserID || claims["aud"] != providertest.ClientID {
			t.Errorf("claims %v", claims)
		}
		if code := p.stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

// A command that ends sessions needs no visitor for the clients to hear of it, nor a
// provider that runs.
func TestCommandThatEndsSessionsTellsTheClients(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		addr := "127.0.0.1:" + freePort(t)
		p.calls(t, addr)
		p.Code(t, p.client(t), providertest.AuthorizeParams(nil))
		if code := p.stop(t); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		arrived := listen(t, addr)
		run(t, p.dir, p.env, program("gatelodge"), "user", "disable", providertest.Username)
		_, claims := providertest.JWT(t, <-arrived)
		if claims["sub"] != providertest.UserID || claims["iss"] != p.URL {
			t.Errorf("claims %v", claims)
		}
	})
}

// calls starts the provider again, with a client that it calls at the address.
func (p *provider) calls(t *testing.T, addr string) {
	t.Helper()
	p.kill()
	p.env = append(p.env, "GATELODGE_OUTBOUND_HTTP=true", "GATELODGE_OUTBOUND_ALLOW=127.0.0.0/8")
	p.apply(t, `
clients:
  - client_id: web
    client_secret: `+providertest.ClientSecret+`
    redirect_uris: [`+providertest.RedirectURI+`]
    grant_types: [authorization_code, refresh_token]
    scope: openid profile
    backchannel_logout_uri: http://`+addr+`/logout`)
	p.start(t)
}

// listen is the client at the address, and returns the logout tokens that arrive.
func listen(t *testing.T, addr string) <-chan string {
	t.Helper()
	arrived := make(chan string, 1)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	client := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) { arrived <- r.FormValue("logout_token") },
	)}}
	client.Start()
	t.Cleanup(client.Close)
	return arrived
}
