package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// path is something that clients do.
type path struct {
	name string
	// target is how many a second are to be reached, see docs/performance.md.
	target int
	// begin does what comes before, such as signing in, and returns the operation
	// that is measured.
	begin func(*worker) (operation, error)
}

type operation func() error

func paths() []path {
	return []path{
		{"discovery", 35_000, func(w *worker) (operation, error) {
			return w.get("/.well-known/openid-configuration", ""), nil
		}},
		{"JWKS", 35_000, func(w *worker) (operation, error) { return w.get("/.well-known/jwks.json", ""), nil }},
		{"client_credentials", 12_000, clientCredentials},
		{"introspection", 10_000, introspection},
		{"userinfo", 10_000, userinfo},
		{"sign-in with session, RS256", 1_300, signInWithSession("RS256")},
		{"sign-in with session, ES256", 2_000, signInWithSession("ES256")},
		{"refresh, RS256", 1_800, refresh("RS256")},
		{"refresh, ES256", 2_700, refresh("ES256")},
		{"sign-in with password, RS256", 85, signInWithPassword},
	}
}

// worker is one client, or the browser of one person.
type worker struct {
	*conn
	id      int
	cookies []string
	buffer  []byte
}

// get is a GET that must succeed.
func (w *worker) get(path, header string) operation {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", path, header)
	return func() error {
		_, err := ok(w.send(request))
		return err
	}
}

// post sends a form with the credentials of a client, "" for none.
func (w *worker) post(path, clientID, form string) (response, error) {
	header := "Cookie: " + strings.Join(w.cookies, "; ") + "\r\n"
	if clientID != "" {
		header = "Authorization: " + basic(clientID) + "\r\n"
	}
	w.buffer = fmt.Appendf(w.buffer[:0], "POST %s HTTP/1.1\r\nHost: bench\r\n%s"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		path, header, len(form), form)
	return w.do(w.buffer)
}

// do sends the request and keeps the cookies that come with the answer.
func (w *worker) do(request []byte) (response, error) {
	r, err := w.send(request)
	w.cookies = append(w.cookies, r.cookies...)
	return r, err
}

func basic(clientID string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))
}

func clientCredentials(w *worker) (operation, error) {
	return func() error {
		_, err := ok(w.post("/token", "machine", "grant_type=client_credentials"))
		return err
	}, nil
}

func introspection(w *worker) (operation, error) {
	tokens, err := w.tokens("RS256")
	form := "token=" + tokens.access
	return func() error {
		r, err := ok(w.post("/introspect", "api", form))
		if err == nil && !bytes.Contains(r.body, []byte(`"active":true`)) {
			err = fmt.Errorf("not active: %s", r.body)
		}
		return err
	}, err
}

func userinfo(w *worker) (operation, error) {
	tokens, err := w.tokens("RS256")
	return w.get("/userinfo", "Authorization: Bearer "+tokens.access+"\r\n"), err
}

// signInWithSession is an authorization request of a browser that is signed in, for
// an application that its person has agreed to, and the exchange of the code.
func signInWithSession(alg string) func(*worker) (operation, error) {
	return func(w *worker) (operation, error) {
		_, err := w.tokens(alg)
		return func() error {
			_, err := w.tokens(alg)
			return err
		}, err
	}
}

func refresh(alg string) func(*worker) (operation, error) {
	return func(w *worker) (operation, error) {
		current, err := w.tokens(alg)
		return func() error {
			r, err := ok(w.post("/token", alg, "grant_type=refresh_token&refresh_token="+current.refresh))
			if err == nil {
				current, err = tokensOf(r.body)
			}
			return err
		}, err
	}
}

// signInWithPassword is a sign-in with a browser that nobody has used before. The
// person has agreed to the application earlier.
func signInWithPassword(w *worker) (operation, error) {
	signIn := func() error {
		w.cookies = nil
		_, err := w.tokens("RS256")
		return err
	}
	return signIn, signIn()
}

// tokens are what an application gets.
type tokens struct{ access, refresh string }

const verifier = "a-verifier-of-forty-three-characters-or-more-0"

// tokens goes through a sign-in, with what pages there are, to the tokens.
func (w *worker) tokens(clientID string) (tokens, error) {
	location, err := w.authorize(clientID)
	if err != nil {
		return tokens{}, err
	}
	u, err := url.Parse(location)
	if err != nil {
		return tokens{}, err
	}
	form := "grant_type=authorization_code&code=" + u.Query().Get("code") + "&redirect_uri=" +
		url.QueryEscape(redirectURI) + "&code_verifier=" + verifier
	r, err := ok(w.post("/token", clientID, form))
	if err != nil {
		return tokens{}, err
	}
	return tokensOf(r.body)
}

// authorize returns where the authorization request ends.
func (w *worker) authorize(clientID string) (location string, err error) {
	w.buffer = fmt.Appendf(w.buffer[:0], "GET /authorize?%s HTTP/1.1\r\nHost: bench\r\nCookie: %s\r\n\r\n",
		authorizationRequest(clientID), strings.Join(w.cookies, "; "))
	r, err := w.do(w.buffer)
	if err == nil && r.status == http.StatusOK {
		r, err = w.signIn(r)
	}
	if err == nil && r.status == http.StatusOK { // the consent page
		r, err = w.answer("/consent", r, "&decision=allow")
	}
	if err == nil && r.status != http.StatusSeeOther {
		err = fmt.Errorf("status %d: %s", r.status, r.body)
	}
	return r.location, err
}

// signIn fills in the sign-in page, which leads to the application or to the
// consent page.
func (w *worker) signIn(page response) (response, error) {
	fields := "&username=" + url.QueryEscape(username(w.id)) + "&password=" + url.QueryEscape(password)
	return w.answer("/login", page, fields)
}

var hidden = regexp.MustCompile(`name="request" value="([^"]*)"`)

// answer sends the form of a page with fields filled in.
func (w *worker) answer(path string, page response, fields string) (response, error) {
	match := hidden.FindSubmatch(page.body)
	if match == nil {
		return response{}, fmt.Errorf("not a page with a form: %s", page.body)
	}
	form := "request=" + url.QueryEscape(html.UnescapeString(string(match[1]))) + fields
	return w.post(path, "", form)
}

func authorizationRequest(clientID string) string {
	challenge := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid profile email offline_access"}, "state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}.Encode()
}

// tokensOf finds the tokens in a response, more cheaply than a decoder.
func tokensOf(body []byte) (tokens, error) {
	t := tokens{access: member(body, "access_token"), refresh: member(body, "refresh_token")}
	if t.access == "" || t.refresh == "" || member(body, "id_token") == "" {
		return t, errors.New("the response lacks a token")
	}
	return t, nil
}

func member(body []byte, name string) string {
	_, rest, _ := bytes.Cut(body, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}
