package provider_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// secrets are what must not be in a log, by what it is.
type secrets map[string]string

// Each request is one line with its id, and no line has anything that is worth
// something to whoever reads it.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := providertest.New(t, providertest.Options{Log: &log, Configure: withPasswordGrant})
	known := secrets{
		"client secret": secret, "password": providertest.Password, "verifier": providertest.Verifier,
		"wrong password": "the-person-has-many", "state": "a-state-of-the-client", "nonce": "a-nonce-of-the-client",
	}
	began := log.Len()
	n := front(t, p, known) + back(t, p, known)
	p.Close() // which waits for the last line

	lines := strings.Split(strings.TrimSpace(log.String()[began:]), "\n")
	if len(lines) != n {
		t.Errorf("%d lines for %d requests", len(lines), n)
	}
	for _, line := range lines {
		var entry struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.RequestID == "" {
			t.Errorf("no request id in %s: %v", line, err)
		}
		for what, value := range known {
			if strings.Contains(line, value) || strings.Contains(line, url.QueryEscape(value)) {
				t.Errorf("the %s is in the log: %s", what, line)
			}
		}
	}
}

// front signs in, not at the first attempt, and returns how many requests it took.
func front(t *testing.T, p *providertest.Provider, known secrets) (requests int) {
	t.Helper()
	browser := providertest.Browser(t)
	params := providertest.AuthorizeParams(map[string]string{"state": known["state"], "nonce": known["nonce"]})
	login := p.Authorize(t, browser, params)
	known["sealed request"] = login.Pending(t)
	denied := p.Post(t, browser, "/login", url.Values{
		"request": {login.Pending(t)}, "username": {providertest.Username}, "password": {known["wrong password"]},
	})
	consent := p.Post(t, browser, "/login", url.Values{
		"request": {denied.Pending(t)}, "username": {providertest.Username}, "password": {providertest.Password},
	})
	known["sealed request after sign-in"] = consent.Pending(t)
	done := p.Post(t, browser, "/consent", url.Values{"request": {consent.Pending(t)}, "decision": {"allow"}})
	_, q := done.Redirect(t)
	known["code"] = q.Get("code")
	at, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range browser.Jar.Cookies(at) {
		known["cookie "+cookie.Name] = cookie.Value
	}
	return 4
}

// back uses and misuses all that came of it, and returns how many requests it took.
func back(t *testing.T, p *providertest.Provider, known secrets) (requests int) {
	t.Helper()
	form := providertest.CodeForm(known["code"])
	p.Token(t, providertest.With(form, "code_verifier", "x"+known["verifier"]))
	tokens := p.Granted(t, form)
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		known[name] = tokens.Get(name)
	}
	next := p.Granted(t, providertest.RefreshForm(known["refresh_token"]))
	known["successor"] = next.Get("refresh_token")
	client := p.Client()
	misuses := []func(){
		func() { p.Bearer(t, "/userinfo", known["access_token"]) },
		func() { p.Bearer(t, "/userinfo", known["id_token"]) },
		func() { p.Bearer(t, "/userinfo", known["refresh_token"]) },
		func() { p.Get(t, client, "/userinfo?access_token="+known["access_token"]) },
		func() { p.Get(t, client, "/no/such/page/"+known["code"]) },
		func() { p.Get(t, client, "/static/"+known["code"]) },
		func() { p.Post(t, client, "/token?client_secret="+secret, form) },
		func() { p.Token(t, providertest.With(form, "code", known["code"]+"%")) },
		func() { p.Token(t, form, providertest.ClientID, known["wrong password"]) },
		func() { p.Token(t, providertest.With(form, "client_secret", secret)) },
		func() { p.Token(t, form, secret, providertest.ClientID) }, // the wrong way round
		func() { p.Post(t, client, "/introspect", url.Values{"token": {"x"}}, secret, providertest.ClientID) },
		func() {
			p.Token(t, url.Values{"grant_type": {"password"}, "username": {"alex"}, "password": {known["wrong password"]}})
		},
		func() {
			p.Token(t, url.Values{"grant_type": {"password"}, "username": {"alex"}, "password": {providertest.Password}})
		},
		func() {
			p.Token(t, providertest.With(form, "client_assertion", known["id_token"],
				"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), "")
		},
		func() { p.Token(t, url.Values{"grant_type": {known["refresh_token"]}}) },
		func() { p.Introspect(t, known["access_token"]) },
		func() { p.Introspect(t, known["successor"]) },
		func() {
			p.Authorize(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"id_token_hint": known["access_token"]}))
		},
		func() {
			p.Post(t, client, "/login", url.Values{"request": {known["sealed request"]}, "password": {known["password"]}})
		},
		func() { p.Clock.Advance(time.Minute); p.Token(t, form) },
		func() { p.Token(t, providertest.RefreshForm(known["successor"])) },
		func() {
			p.Post(t, client, "/revoke", url.Values{"token": {known["successor"]}}, providertest.ClientID, secret)
		},
	}
	for _, misuse := range misuses {
		misuse()
	}
	return 3 + len(misuses)
}

// What the front channel carries, and what people and clients register with, is not
// logged either, not even where it is refused.
func TestNothingOfTheFrontChannelIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := providertest.New(t, providertest.Options{Log: &log, Configure: func(c *config.Config) {
		c.Accounts.SignUp, c.Registration.Policy = true, "token"
	}})
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.ResponseTypes, m.GrantTypes = append(m.ResponseTypes, "code id_token token"), append(m.GrantTypes, "implicit")
	})
	browser := providertest.Browser(t)
	_, q := p.SignIn(t, browser, providertest.AuthorizeParams(map[string]string{"response_type": "code id_token token"})).Answer(t)
	known := secrets{
		"ID token": q.Get("id_token"), "access token": q.Get("access_token"), "code": q.Get("code"), "state": q.Get("session_state"),
		"request object": "eyJhbGciOiJFUzI1NiJ9.eyJzdGF0ZSI6Im9mIHRoZSBjbGllbnQifQ.c2lnbmF0dXJl", "claims": `{"id_token":{"sub":"who"}`,
		"new password": "a new pass phrase", "new email": "newcomer@example.com", "registration": "gli_made_up_by_somebody_else",
	}
	ask := func(changes map[string]string) {
		p.Authorize(t, browser, providertest.AuthorizeParams(changes))
	}
	ask(map[string]string{"request": known["request object"]})
	ask(map[string]string{"request_uri": "https://app.example/" + known["request object"]})
	ask(map[string]string{"claims": known["claims"]})
	ask(map[string]string{"id_token_hint": known["ID token"], "prompt": "none"})
	ask(map[string]string{"id_token_hint": known["access token"]})
	sealed := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{"prompt": "create"})).Pending(t)
	for _, email := range []string{known["new email"], known["new email"], known["new email"] + " x"} {
		p.Post(t, browser, "/sign-up", url.Values{
			"request": {sealed}, "name": {"Kim"}, "email": {email}, "password": {known["new password"]},
		})
	}
	p.Post(t, browser, "/link/ask", url.Values{"request": {sealed}, "purpose": {"sign_in"}, "username": {providertest.Username}})
	mailed := p.Mail(t, providertest.Username)
	_, known["link"], _ = strings.Cut(providertest.Link(t, mailed), "token=")
	known["link"], _, _ = strings.Cut(known["link"], "&")
	known["mailed code"], known["recipient"] = mailed.Code, providertest.Username
	for _, form := range []url.Values{{"token": {known["link"] + "x"}}, {"token": {known["link"]}}, {"token": {known["link"]}}} {
		p.Get(t, browser, "/link?"+form.Encode())
		p.Post(t, browser, "/link", form)
	}
	p.Post(t, browser, "/link/code", url.Values{"request": {sealed}, "code": {known["mailed code"]}})
	for _, token := range []string{known["access token"], known["ID token"]} {
		p.Get(t, browser, "/end_session?"+url.Values{"id_token_hint": {token}, "state": {known["state"]}}.Encode())
	}
	for _, path := range []string{"/register", "/register/" + known["registration"]} {
		p.Bearer(t, path, known["registration"])
	}
	p.Close() // which waits for the last line
	for what, value := range known {
		if value == "" || strings.Contains(log.String(), value) || strings.Contains(log.String(), url.QueryEscape(value)) {
			t.Errorf("the %s is in the log, or there is none: %s", what, value)
		}
	}
}

// Security events have names in the log, and refusals their reasons.
func TestSecurityEventsAreNamed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := providertest.New(t, providertest.Options{Log: &log, Configure: withPasswordGrant})
	form := providertest.RefreshForm(p.Tokens(t).Get("refresh_token"))
	p.Granted(t, form)
	p.Clock.Advance(time.Hour)
	providertest.InvalidGrant(t, p.Token(t, form))
	wrong := url.Values{"grant_type": {"password"}, "username": {"alex"}, "password": {"wrong"}}
	providertest.InvalidGrant(t, p.Token(t, wrong))
	p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
	providertest.InvalidGrant(t, p.Token(t, wrong))
	providertest.Refused(t, p.Token(t, form, providertest.ClientID, "wrong"), http.StatusUnauthorized, "invalid_client")
	p.Close()
	for _, want := range []string{
		`"event":"signed in"`, `"event":"consent given"`, `"event":"code or refresh token reused"`,
		`"client_id":"web"`, `"event":"sign-in denied"`, "wrong password", "the account is disabled", "wrong or missing secret",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s", want)
		}
	}
}
