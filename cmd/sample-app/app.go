package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// app is the web app. Sessions are kept in memory: it is a sample.
type app struct {
	options
	page *template.Template
	http *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // found when it is first needed
	sessions map[string]*session
}

// session is a browser's: a sign-in that has begun, or one that is done.
type session struct {
	state, nonce, verifier string

	signedIn bool
	token    *oauth2.Token
	idToken  string
}

const cookie = "sample-app-session"

//go:embed page.html
var page string

func newApp(o options) *app {
	return &app{
		options:  o,
		page:     template.Must(template.New("page").Parse(page)),
		http:     &http.Client{Timeout: 10 * time.Second},
		sessions: map[string]*session{},
	}
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /sign-in", a.signIn)
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /sign-out", a.signOut)
	return http.NewCrossOriginProtection().Handler(mux)
}

// config is our side of OAuth 2.0 at the provider.
func (a *app) config(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: a.URL + "/callback",
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess, "profile.read"},
	}
}

// discover finds the provider, once it is there.
func (a *app) discover(ctx context.Context) (*oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider == nil {
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.http), a.Issuer)
		if err != nil {
			return nil, fmt.Errorf("the provider at %s does not answer yet: %w", a.Issuer, err)
		}
		a.provider = found
	}
	return a.provider, nil
}

// signIn sends the browser to the provider: code flow with PKCE, state and nonce.
func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	s := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.remember(w, s)
	http.Redirect(w, r, a.config(p).AuthCodeURL(s.state, oidc.Nonce(s.nonce),
		oauth2.S256ChallengeOption(s.verifier), oauth2.SetAuthURLParam("resource", a.API)), http.StatusSeeOther)
}

// callback takes the provider's answer and signs the person in.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	switch q := r.URL.Query(); {
	case s == nil || q.Get("state") != s.state:
		a.fail(w, http.StatusBadRequest, errors.New("this answer belongs to no sign-in of this browser"))
		return
	case q.Has("error"):
		a.fail(w, http.StatusForbidden, fmt.Errorf("%s: %s", q.Get("error"), q.Get("error_description")))
		return
	}
	done, err := a.exchange(r, s)
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	a.forget(r)
	a.remember(w, done)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) exchange(r *http.Request, s *session) (*session, error) {
	p, err := a.discover(r.Context())
	if err != nil {
		return nil, err
	}
	ctx := oidc.ClientContext(r.Context(), a.http)
	token, err := a.config(p).Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(s.verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange the code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := p.VerifierContext(ctx, &oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verify the ID token: %w", err)
	}
	if verified.Nonce != s.nonce {
		return nil, errors.New("the ID token belongs to another sign-in")
	}
	return &session{signedIn: true, token: token, idToken: raw}, nil
}

// refresh gets new tokens with the refresh token.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil || !s.signedIn {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	ctx := oidc.ClientContext(r.Context(), a.http)
	token, err := a.config(p).TokenSource(ctx, &oauth2.Token{RefreshToken: s.token.RefreshToken}).Token()
	if err != nil {
		a.fail(w, http.StatusBadGateway, fmt.Errorf("refresh: %w", err))
		return
	}
	done := &session{signedIn: true, token: token, idToken: s.idToken}
	if raw, ok := token.Extra("id_token").(string); ok {
		done.idToken = raw
	}
	a.forget(r)
	a.remember(w, done)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signOut ends our session; the one at the provider goes on.
func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	a.forget(r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// view is what the page shows.
type view struct {
	Issuer, API, Problem   string
	SignedIn               bool
	Claims, Userinfo, Told string
}

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	v := view{Issuer: a.Issuer, API: a.API}
	if s := a.session(r); s != nil && s.signedIn {
		v.SignedIn = true
		v.Claims = a.claims(r, s)
		v.Userinfo = a.get(r, a.userinfo(r), s)
		v.Told = a.get(r, a.API+"/users/me", s)
	}
	a.render(w, http.StatusOK, v)
}

func (a *app) userinfo(r *http.Request) string {
	p, err := a.discover(r.Context())
	if err != nil {
		return ""
	}
	return p.UserInfoEndpoint()
}

// claims shows the ID token's claims. It was verified when it came.
func (a *app) claims(r *http.Request, s *session) string {
	p, err := a.discover(r.Context())
	if err != nil {
		return err.Error()
	}
	ctx := oidc.ClientContext(r.Context(), a.http)
	token, err := p.VerifierContext(ctx, &oidc.Config{ClientID: a.ClientID, SkipExpiryCheck: true}).Verify(ctx, s.idToken)
	if err != nil {
		return err.Error()
	}
	var claims json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return err.Error()
	}
	return indent(claims)
}

// get calls a resource with the access token and returns what it answered.
func (a *app) get(r *http.Request, url string, s *session) string {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url, nil) //nolint:gosec // ours, and the provider's
	if err != nil {
		return err.Error()
	}
	s.token.SetAuthHeader(request)
	response, err := a.http.Do(request) //nolint:gosec // as above
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return response.Status + "\n" + indent(body)
	}
	return indent(body)
}

func indent(data []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, data, "", "  ") != nil {
		return string(data)
	}
	return out.String()
}

func (a *app) fail(w http.ResponseWriter, status int, err error) {
	a.render(w, status, view{Issuer: a.Issuer, API: a.API, Problem: err.Error()})
}

func (a *app) render(w http.ResponseWriter, status int, v view) {
	var out bytes.Buffer
	if err := a.page.Execute(&out, v); err != nil {
		status = http.StatusInternalServerError
		out.Reset()
		_, _ = out.WriteString("the page cannot be shown")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// maxSessions bounds the memory of the sample.
const maxSessions = 1000

// remember gives the browser a session with an id of its own.
func (a *app) remember(w http.ResponseWriter, s *session) {
	id := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sessions) >= maxSessions {
		clear(a.sessions)
	}
	a.sessions[id] = s
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the sample is served over http
		Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (a *app) session(r *http.Request) *session {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[c.Value]
}

func (a *app) forget(r *http.Request) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, c.Value)
}
