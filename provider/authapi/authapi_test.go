package authapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	origin   = "https://app.example" // that of providertest.RedirectURI
	newcomer = "kim@example.com"
)

// own has the API, sign-up, and an application of the operator's own.
func own() providertest.Options {
	return providertest.Options{Configure: func(c *config.Config) { c.Accounts.API, c.Accounts.SignUp = true, true }}
}

// app is the application in a browser. Its answers are held against the description.
type app struct {
	*providertest.Provider
	browser *http.Client
	spec    *spec
}

func newApp(t *testing.T, p *providertest.Provider) *app {
	t.Helper()
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.SkipConsent = true })
	return &app{p, providertest.Browser(t), readSpec(t)}
}

// anotherBrowser is the application in a browser of somebody else's.
func (a *app) anotherBrowser(t *testing.T) *app {
	t.Helper()
	return &app{a.Provider, providertest.Browser(t), a.spec}
}

// request sends one as a script of the application would.
func (a *app) request(t *testing.T, method, path string, body any, change ...func(*http.Request)) providertest.Response {
	t.Helper()
	var encoded bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&encoded).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL+"/api/auth"+path+"?client_id="+providertest.ClientID, &encoded)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	res := providertest.Do(t, a.browser, r)
	if method != http.MethodOptions {
		a.spec.check(t, method, path, res)
	}
	return res
}

func (a *app) post(t *testing.T, path string, body any) providertest.Response {
	t.Helper()
	return a.request(t, http.MethodPost, path, body)
}

type object map[string]any

func (a *app) signIn(t *testing.T) providertest.Response {
	t.Helper()
	return a.post(t, "/sign-in", object{"identifier": providertest.Username, "password": providertest.Password})
}

// session is what the API says of who is signed in, nil if nobody is.
func (a *app) session(t *testing.T) object {
	t.Helper()
	res := a.request(t, http.MethodGet, "/session", nil)
	s, _ := res.JSON(t)["session"].(map[string]any)
	return s
}

// want checks the status and, unless it is "", the code of a problem.
func want(t *testing.T, res providertest.Response, status int, code string) {
	t.Helper()
	if res.StatusCode != status {
		t.Fatalf("%d, want %d: %s", res.StatusCode, status, res.Body)
	}
	if code == "" {
		return
	}
	p := res.JSON(t)
	if p["code"] != code || p["instance"] != "urn:gatelodge:request:"+res.Header.Get("X-Request-Id") {
		t.Fatalf("want %s: %s", code, res.Body)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("a problem is %s", got)
	}
}

// Sign in, see it, get a token that an API takes, sign out.
func TestApplicationSignsPeopleInByItsOwnForm(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, own(), func(t *testing.T, p *providertest.Provider) { //nolint:thelper // a test, and no helper
		a := newApp(t, p)
		if a.session(t) != nil {
			t.Error("somebody is signed in")
		}
		want(t, a.post(t, "/token", object{"scope": "openid"}), http.StatusForbidden, "not_signed_in")
		want(t, a.signIn(t), http.StatusOK, "")
		if s := a.session(t); s["sub"] != providertest.UserID || s["acr"] != "urn:gatelodge:acr:password" {
			t.Errorf("got %v", s)
		}
		want(t, a.post(t, "/token", object{"scope": "nonsense"}), http.StatusBadRequest, "invalid_scope")
		want(t, a.post(t, "/token", object{"scope": providertest.APIScope, "resource": []string{"https://other.example"}}),
			http.StatusBadRequest, "invalid_target")
		res := a.post(t, "/token", object{"scope": "openid offline_access " + providertest.APIScope, "resource": []string{providertest.API}})
		want(t, res, http.StatusOK, "")
		issued := res.JSON(t)
		if strings.Contains(toString(issued["scope"]), "offline_access") {
			t.Errorf("got %v", issued)
		}
		_, claims := providertest.JWT(t, toString(issued["access_token"]))
		if claims["aud"] != providertest.API && !strings.Contains(toString(claims["aud"]), providertest.API) || claims["client_id"] != providertest.ClientID {
			t.Errorf("got %v", claims)
		}
		if got := p.Introspect(t, toString(issued["access_token"])); got["active"] != true {
			t.Errorf("introspection: %v", got)
		}
		// The same session at the authorization endpoint.
		if location, _ := p.Authorize(t, a.browser, providertest.AuthorizeParams(map[string]string{"prompt": "none"})).Redirect(t); location != providertest.RedirectURI {
			t.Errorf("the authorization endpoint leads to %s", location)
		}
		want(t, a.post(t, "/sign-out", object{}), http.StatusNoContent, "")
		if a.session(t) != nil {
			t.Error("somebody is signed in still")
		}
		if got := p.Introspect(t, toString(issued["access_token"])); got["active"] != false {
			t.Errorf("the token outlives the session: %v", got)
		}
		want(t, a.post(t, "/sign-out", object{}), http.StatusNoContent, "")
	})
}

func toString(v any) string { return fmt.Sprint(v) }

// hardening.md: whatever is wrong, there is one answer; and the attempts count with
// those at the sign-in page.
func TestDenialsAreOneAndCountWithThoseOfThePages(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, own())
	a := newApp(t, p)
	anonymous := func(res providertest.Response) string {
		body := res.JSON(t)
		delete(body, "instance")
		return toString(body)
	}
	first := ""
	for i, form := range []object{
		{"identifier": providertest.Username, "password": "wrong"},
		{"identifier": "nobody", "password": "wrong"},
		{"identifier": "", "password": ""},
		{},
	} {
		res := a.post(t, "/sign-in", form)
		want(t, res, http.StatusUnprocessableEntity, "denied")
		if i == 0 {
			first = anonymous(res)
		} else if got := anonymous(res); got != first {
			t.Errorf("%v: %s, want %s", form, got, first)
		}
	}
	for range 9 {
		want(t, a.post(t, "/sign-in", object{"identifier": "ALEX", "password": "wrong"}), http.StatusUnprocessableEntity, "denied")
	}
	res := a.signIn(t)
	want(t, res, http.StatusUnprocessableEntity, "denied")
	if anonymous(res) != first {
		t.Errorf("a lock is told: %s", res.Body)
	}
	page := p.Authorize(t, a.browser, providertest.AuthorizeParams(nil))
	page = p.Post(t, a.browser, "/login", url.Values{
		"request": {page.Pending(t)}, "username": {providertest.Username}, "password": {providertest.Password},
	})
	if page.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the page has a counter of its own: %d", page.StatusCode)
	}
}

// Whoever has a second factor needs it here, once, by the same application, and soon.
func TestSecondFactorIsNotSkipped(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, own(), func(t *testing.T, p *providertest.Provider) { //nolint:thelper // a test, and no helper
		a := newApp(t, p)
		totp, codes := p.AddApp(t, providertest.UserID)
		begin := func(a *app) any {
			res := a.signIn(t)
			want(t, res, http.StatusOK, "")
			if a.session(t) != nil || res.JSON(t)["session"] != nil {
				t.Fatal("the password alone has signed in")
			}
			return res.JSON(t)["continuation"]
		}
		continuation := begin(a)
		want(t, a.post(t, "/sign-in/factor", object{"continuation": continuation, "code": "000000"}), http.StatusUnprocessableEntity, "denied")
		want(t, a.post(t, "/sign-in/factor", object{"continuation": "x", "code": totp.Code(p.Clock.Now())}), http.StatusUnprocessableEntity, "expired")
		right := object{"continuation": continuation, "code": totp.Code(p.Clock.Now())}
		want(t, a.post(t, "/sign-in/factor", right), http.StatusOK, "")
		if s := a.session(t); s["acr"] != "urn:gatelodge:acr:mfa" {
			t.Errorf("got %v", s)
		}
		b := a.anotherBrowser(t)
		want(t, b.post(t, "/sign-in/factor", right), http.StatusUnprocessableEntity, "denied")
		continuation = begin(b)
		recovery := object{"continuation": continuation, "recovery_code": codes[0]}
		p.Clock.Advance(11 * time.Minute)
		want(t, b.post(t, "/sign-in/factor", recovery), http.StatusUnprocessableEntity, "expired")
		recovery["continuation"] = begin(b)
		want(t, b.post(t, "/sign-in/factor", recovery), http.StatusOK, "")
	})
}

// Where the provider demands a factor that somebody does not have, a page is needed.
func TestWhatNeedsAPageSaysSo(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Accounts.API, c.Accounts.SecondFactor = true, "required"
	}})
	a := newApp(t, p)
	want(t, a.signIn(t), http.StatusForbidden, "page_needed")
	want(t, a.post(t, "/sign-up", object{"name": "Kim", "email": newcomer, "password": "x"}), http.StatusForbidden, "not_offered")
	if a.session(t) != nil {
		t.Error("somebody is signed in")
	}
}

// Nothing is made before the address is proved; an address that somebody has gets the
// same answer.
func TestSignUpByTheAPI(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, own(), func(t *testing.T, p *providertest.Provider) { //nolint:thelper // a test, and no helper
		a := newApp(t, p)
		form := object{"name": "Kim Sample", "email": newcomer, "password": "a mountain of violet", "sub": "chosen", "email_verified": true}
		for code, change := range map[string]object{
			"bad_name": {"name": ""}, "bad_email": {"email": "kim"}, "password_short": {"password": "wvqkzj"},
			"password_common": {"password": "Password1!"}, "password_personal": {"password": "kim-sample"},
		} {
			bad := object{}
			maps.Copy(bad, form)
			maps.Copy(bad, change)
			want(t, a.post(t, "/sign-up", bad), http.StatusUnprocessableEntity, code)
		}
		taken := object{"name": "Kim Sample", "email": providertest.Username, "password": "a mountain of violet"}
		want(t, a.post(t, "/sign-up", taken), http.StatusAccepted, "")
		res := a.post(t, "/sign-up", form)
		want(t, res, http.StatusAccepted, "")
		if _, err := p.Store.FindUserByIdentifier(t.Context(), newcomer); err == nil {
			t.Error("there is an account before the address is proved")
		}
		verification := res.JSON(t)["verification"]
		want(t, a.post(t, "/sign-up/verify", object{"verification": verification, "code": "AAAA-AAAA"}), http.StatusUnprocessableEntity, "wrong_code")
		right := object{"verification": verification, "code": p.Mail(t, newcomer).Code}
		want(t, a.post(t, "/sign-up/verify", right), http.StatusOK, "")
		if s := a.session(t); s["email"] != newcomer || s["email_verified"] != true || s["sub"] == "chosen" {
			t.Errorf("got %v", s)
		}
		want(t, a.anotherBrowser(t).post(t, "/sign-up/verify", right), http.StatusUnprocessableEntity, "expired")
	})
}

// A password is reset by the token of the mailed link: all sessions end, and nobody is
// signed in. Whether there is anybody is not told.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, own())
	a := newApp(t, p)
	want(t, a.signIn(t), http.StatusOK, "")
	want(t, a.post(t, "/password/forgot", object{"identifier": "nobody@example.com"}), http.StatusAccepted, "")
	want(t, a.post(t, "/password/forgot", object{"identifier": providertest.Username}), http.StatusAccepted, "")
	link, err := url.Parse(providertest.Link(t, p.Mail(t, providertest.Username)))
	if err != nil {
		t.Fatal(err)
	}
	form := object{"token": link.Query().Get("token"), "password": "password"}
	want(t, a.post(t, "/password/reset", form), http.StatusUnprocessableEntity, "password_common")
	form["password"] = "a mountain of violet"
	want(t, a.post(t, "/email/verify", form), http.StatusUnprocessableEntity, "expired") // another purpose
	want(t, a.post(t, "/password/reset", form), http.StatusNoContent, "")
	want(t, a.post(t, "/password/reset", form), http.StatusUnprocessableEntity, "expired")
	if a.session(t) != nil {
		t.Error("the session outlives the password")
	}
	want(t, a.signIn(t), http.StatusUnprocessableEntity, "denied")
	want(t, a.post(t, "/sign-in", object{"identifier": providertest.Username, "password": form["password"]}), http.StatusOK, "")
}

// An address is proved by the code that was mailed to it.
func TestEmailIsVerified(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, own())
	p.ChangeUser(t, func(u *storage.User) { u.Claims.EmailVerified = false })
	a := newApp(t, p)
	want(t, a.post(t, "/email/verify", object{}), http.StatusForbidden, "not_signed_in")
	want(t, a.signIn(t), http.StatusOK, "")
	res := a.post(t, "/email/verify", object{})
	want(t, res, http.StatusAccepted, "")
	code := p.Mail(t, providertest.Username).Code
	want(t, a.post(t, "/email/verify", object{"verification": res.JSON(t)["verification"], "code": code}), http.StatusNoContent, "")
	if s := a.session(t); s["email_verified"] != true {
		t.Errorf("got %v", s)
	}
}

// Only scripts of the operator's own applications can call, from their own origins.
func TestOnlyOwnApplicationsMayCall(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, own())
	a := newApp(t, p)
	form := object{"identifier": providertest.Username, "password": providertest.Password}
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) {
			if r.Header.Set("Origin", origin); origin == "" {
				r.Header.Del("Origin")
			}
		}
	}
	for _, other := range []string{"https://evil.example", "http://app.example", "https://app.example:8443", "https://app.example.evil.example", "null", ""} {
		res := a.request(t, http.MethodPost, "/sign-in", form, from(other))
		want(t, res, http.StatusForbidden, "wrong_origin")
		if res.Header.Get("Access-Control-Allow-Origin") != "" || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %v", other, res.Header)
		}
	}
	plain := a.request(t, http.MethodPost, "/sign-in", form, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	want(t, plain, http.StatusBadRequest, "invalid_request")
	for _, id := range []string{"", "nobody", providertest.PublicID, providertest.MachineID, "gatelodge-account"} {
		res := a.request(t, http.MethodPost, "/sign-in", form, func(r *http.Request) { r.URL.RawQuery = "client_id=" + id })
		want(t, res, http.StatusForbidden, "unknown_client")
	}
	for _, body := range []string{"", "[]", "null", `{"identifier":1}`, `{"identifier":"a","identifier":"b"}`} {
		res := a.request(t, http.MethodPost, "/sign-in", json.RawMessage(`{}`), func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			if body != "" {
				replaced, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL, strings.NewReader(body))
				r.Body, r.ContentLength = replaced.Body, replaced.ContentLength
			}
		})
		want(t, res, http.StatusBadRequest, "invalid_request")
	}
	ask := func(r *http.Request) { r.Header.Set("Access-Control-Request-Method", http.MethodPost) }
	res := a.request(t, http.MethodOptions, "/sign-in", nil, ask)
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != origin ||
		res.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("the preflight: %d, %v", res.StatusCode, res.Header)
	}
	res = a.request(t, http.MethodOptions, "/sign-in", nil, ask, from("https://evil.example"))
	if res.StatusCode != http.StatusForbidden || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the preflight of another origin: %d, %v", res.StatusCode, res.Header)
	}
	res = a.signIn(t)
	want(t, res, http.StatusOK, "")
	if res.Header.Get("Access-Control-Allow-Origin") != origin || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", res.Header)
	}
}

// It is off unless it is switched on.
func TestAPIIsOffByDefault(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	if res := p.Get(t, providertest.Browser(t), "/api/auth/session?client_id="+providertest.ClientID); res.StatusCode != http.StatusNotFound {
		t.Errorf("got %d", res.StatusCode)
	}
}
