package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/resource"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newAPI returns the API beside a provider, with profiles of userinfo.
func newAPI(t *testing.T, p *providertest.Provider) *api {
	t.Helper()
	v, err := resource.New(resource.Config{Issuer: p.Config.Issuer, Audience: providertest.API, Now: p.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &api{
		verifier: v, scope: providertest.APIScope, log: slog.New(slog.DiscardHandler),
		profile: userinfo{v.Metadata, newClient()}.profile,
	}
}

// token signs the fixture's person in for the scopes.
func token(t *testing.T, p *providertest.Provider, scope string) string {
	t.Helper()
	params := providertest.AuthorizeParams(map[string]string{"scope": scope})
	return p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), params))).Get("access_token")
}

// get returns the answer and its JSON, which every answer has.
func get(t *testing.T, h http.Handler, path, token string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return w, body
}

const everything = "openid profile email " + providertest.APIScope

// What the person is told is the same from either source.
func TestMeIsThePersonOfTheToken(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewDatabase(t)
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, databaseURL, nil)})
	pool, err := connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	a, raw := newAPI(t, p), token(t, p, everything)
	fromUserinfo := a.profile
	for name, source := range map[string]func(){
		"userinfo": func() { a.profile = fromUserinfo },
		"database": func() { a.profile = database{pool}.profile },
	} {
		source()
		w, body := get(t, a.routes(), "/users/me", raw)
		if w.Code != http.StatusOK || body["sub"] != providertest.UserID || body["name"] != "Alex Sample" ||
			body["email"] != providertest.Username || body["email_verified"] != true {
			t.Errorf("%s: %d %v", name, w.Code, body)
		}
		if updated, ok := body["updated_at"].(float64); !ok || int64(updated) != p.Clock.Now().Unix() {
			t.Errorf("%s: updated_at %v", name, body["updated_at"])
		}
		if _, ok := body["picture"]; ok {
			t.Errorf("%s: a claim that there is not: %v", name, body)
		}
	}
}

// RFC 6750 §3.1.
func TestMeNeedsATokenForThisAPI(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	h := newAPI(t, p).routes()
	good := token(t, p, everything)
	machine := p.Granted(t, url.Values{"grant_type": {"client_credentials"}, "scope": {providertest.APIScope}},
		providertest.MachineID, providertest.ClientSecret).Get("access_token")
	for name, test := range map[string]struct {
		token  string
		status int
	}{
		"good":                    {good, http.StatusOK},
		"none":                    {"", http.StatusUnauthorized},
		"garbage":                 {"garbage", http.StatusUnauthorized},
		"for no API":              {token(t, p, "openid"), http.StatusUnauthorized},
		"for userinfo too little": {token(t, p, providertest.APIScope), http.StatusForbidden},
		"of a client":             {machine, http.StatusForbidden},
	} {
		w, body := get(t, h, "/users/me", test.token)
		if w.Code != test.status || (w.Code >= 400 && (body["error"] == nil || w.Header().Get("WWW-Authenticate") == "")) {
			t.Errorf("%s: %d %v %v", name, w.Code, w.Header(), body)
		}
	}
	p.Clock.Advance(2 * time.Hour)
	if w, _ := get(t, h, "/users/me", good); w.Code != http.StatusUnauthorized {
		t.Errorf("expired: %d", w.Code)
	}
}

func TestTokenWithoutTheScopeIsForbidden(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	a := newAPI(t, p)
	a.scope = "notes.write"
	w, body := get(t, a.routes(), "/users/me", token(t, p, everything))
	if w.Code != http.StatusForbidden || body["error"] != "insufficient_scope" {
		t.Errorf("%d %v", w.Code, body)
	}
}

// A client that acts for itself is nobody, and so is who was deleted.
func TestNobodyHasNoProfile(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewDatabase(t)
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, databaseURL, nil)})
	pool, err := connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	a := newAPI(t, p)
	a.profile = database{pool}.profile
	raw := token(t, p, everything)
	if err := p.Store.DeleteUser(t.Context(), providertest.UserID, p.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if w, body := get(t, a.routes(), "/users/me", raw); w.Code != http.StatusNotFound || body["error"] != "not_found" {
		t.Errorf("%d %v", w.Code, body)
	}
}

// Nothing else needs to be there for the API to start and to be alive, and an
// outage of the provider or of the database is 503.
func TestOutageIs503(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	raw := token(t, p, everything)
	warm, cold := newAPI(t, p), newAPI(t, p)
	get(t, warm.routes(), "/users/me", raw)
	unreachable, err := connect(t.Context(), "postgres://user@127.0.0.1:1/x?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unreachable.Close)
	stored := newAPI(t, p)
	stored.profile = database{unreachable}.profile
	get(t, stored.routes(), "/users/me", raw)
	p.Close()

	for name, a := range map[string]*api{"keys": cold, "userinfo": warm, "database": stored} {
		w, body := get(t, a.routes(), "/users/me", raw)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || body["error"] != "temporarily_unavailable" {
			t.Errorf("%s: %d %v %v", name, w.Code, w.Header(), body)
		}
		if w, body := get(t, a.routes(), "/healthz", ""); w.Code != http.StatusOK || body["status"] != "ok" {
			t.Errorf("%s: health %d %v", name, w.Code, body)
		}
	}
}

// OpenID Connect Core §5.3.2: claims about somebody else must not be used.
func TestProfileOfSomebodyElseIsNotPassedOn(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	a := newAPI(t, p)
	if _, err := a.profile(t.Context(), "somebody else", "Bearer "+token(t, p, everything)); err == nil {
		t.Error("no error")
	}
}

func TestUnknownPathIs404InJSON(t *testing.T) {
	t.Parallel()
	a := newAPI(t, providertest.New(t, providertest.Options{}))
	if w, body := get(t, a.routes(), "/users/you", ""); w.Code != http.StatusNotFound || body["error"] != "not_found" {
		t.Errorf("%d %v", w.Code, body)
	}
}
