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
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// app is the web app.
type app struct {
	options
	page     *template.Template
	http     *http.Client
	provider atomic.Pointer[oidc.Provider] // nil until it is first needed and there
	sessions sessions
}

//go:embed page.html
var page string

func newApp(o options) *app {
	return &app{
		options: o,
		page:    template.Must(template.New("page").Parse(page)),
		http:    &http.Client{Timeout: 10 * time.Second},
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

// discover finds the provider, once it is there.
func (a *app) discover(ctx context.Context) (*oidc.Provider, error) {
	if p := a.provider.Load(); p != nil {
		return p, nil
	}
	// The provider keeps the context, to fetch keys with.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.http), a.Issuer)
	if err != nil {
		return nil, fmt.Errorf("the provider at %s does not answer yet: %w", a.Issuer, err)
	}
	a.provider.Store(p)
	return p, nil
}

// client is what we are to the provider.
func (a *app) client(p *oidc.Provider) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // rather than try both: a code works once
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: endpoint,
		RedirectURL: a.URL + "/callback",
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess, "profile.read"},
	}
}

// signIn sends the browser to the provider: code flow with PKCE, state and nonce.
func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	s := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.sessions.replace(w, r, s)
	http.Redirect(w, r, a.client(p).AuthCodeURL(s.state, oidc.Nonce(s.nonce),
		oauth2.S256ChallengeOption(s.verifier), oauth2.SetAuthURLParam("resource", a.API)), http.StatusSeeOther)
}

// callback takes the provider's answer and signs the person in.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	s, q := a.sessions.find(r), r.URL.Query()
	if err := a.check(s, q); err != nil {
		a.fail(w, http.StatusBadRequest, err)
		return
	}
	if q.Has("error") {
		a.fail(w, http.StatusForbidden, fmt.Errorf("%s: %s", q.Get("error"), q.Get("error_description")))
		return
	}
	done, err := a.exchange(r.Context(), s, q.Get("code"))
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	a.sessions.replace(w, r, done)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// check makes sure that the answer belongs to a sign-in that this browser has
// begun (RFC 6749 §10.12), at this provider (RFC 9207 §2.4).
func (a *app) check(s *session, q url.Values) error {
	switch {
	case s == nil || s.token != nil || q.Get("state") != s.state:
		return errors.New("this answer belongs to no sign-in of this browser")
	case q.Has("iss") && q.Get("iss") != a.Issuer:
		return errors.New("this answer comes from another provider")
	default:
		return nil
	}
}

func (a *app) exchange(ctx context.Context, s *session, code string) (*session, error) {
	p, err := a.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, a.http)
	token, err := a.client(p).Exchange(ctx, code, oauth2.VerifierOption(s.verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange the code: %w", err)
	}
	id, err := a.verify(ctx, p, token)
	if err != nil {
		return nil, err
	}
	if id.Nonce != s.nonce {
		return nil, errors.New("the ID token belongs to another sign-in")
	}
	return signedIn(token, id)
}

// verify returns the ID token that came with the token.
func (a *app) verify(ctx context.Context, p *oidc.Provider, token *oauth2.Token) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verify the ID token: %w", err)
	}
	return id, nil
}

func signedIn(token *oauth2.Token, id *oidc.IDToken) (*session, error) {
	var claims json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read the ID token: %w", err)
	}
	return &session{token: token, subject: id.Subject, claims: indent(claims)}, nil
}

// refresh gets new tokens with the refresh token.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(r)
	if s == nil || s.token == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	renewed, err := a.renew(r.Context(), s)
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	a.sessions.replace(w, r, renewed)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) renew(ctx context.Context, s *session) (*session, error) {
	p, err := a.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, a.http)
	token, err := a.client(p).TokenSource(ctx, &oauth2.Token{RefreshToken: s.token.RefreshToken}).Token()
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	id, err := a.verify(ctx, p, token)
	if err != nil {
		return nil, err
	}
	if id.Subject != s.subject { // OpenID Connect Core §12.2
		return nil, errors.New("the new ID token is about somebody else")
	}
	return signedIn(token, id)
}

// signOut ends our session; the one at the provider goes on.
func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	a.sessions.end(r)
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
	if s := a.sessions.find(r); s != nil && s.token != nil {
		v.SignedIn = true
		v.Claims = s.claims
		v.Userinfo = a.userinfo(r.Context(), s)
		v.Told = a.get(r.Context(), a.API+"/users/me", s)
	}
	a.render(w, http.StatusOK, v)
}

func (a *app) userinfo(ctx context.Context, s *session) string {
	p, err := a.discover(ctx)
	if err != nil {
		return err.Error()
	}
	return a.get(ctx, p.UserInfoEndpoint(), s)
}

// get calls a resource with the access token and returns what it answered.
func (a *app) get(ctx context.Context, url string, s *session) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	s.token.SetAuthHeader(request)
	response, err := a.http.Do(request)
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
