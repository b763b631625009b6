package myaccount_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// local is a provider at localhost, where there can be passkeys.
func local(c *config.Config) { c.Issuer = providertest.Localhost(c.Issuer) }

// onEachLocal runs the test on every database, at localhost.
func onEachLocal(t *testing.T, test func(*testing.T, *providertest.Provider)) {
	t.Helper()
	providertest.OnEachDatabase(t, providertest.Options{Configure: local}, test)
}

// token is the session cookie of the browser, however long it is kept.
func token(t *testing.T, p *providertest.Provider, browser *http.Client) string {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range browser.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "gatelodge-session") {
			return c.Value
		}
	}
	t.Fatal("no session")
	return ""
}

// rotates checks that the change gives the session another token, and that the one
// from before is worth nothing.
func rotates(t *testing.T, p *providertest.Provider, browser *http.Client, change func()) {
	t.Helper()
	before := token(t, p, browser)
	change()
	if token(t, p, browser) == before {
		t.Error("the session goes on under the same token")
	}
	wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "Your account")
	thief := providertest.Browser(t)
	u, _ := url.Parse(p.URL)
	thief.Jar.SetCookies(u, []*http.Cookie{{Name: "gatelodge-session", Value: before, Path: "/"}})
	wantDoor(t, p, p.Get(t, thief, "/account"), "/account")
}

func TestAuthenticatorAppIsAddedAndRemoved(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		page := p.Get(t, browser, "/account/security/app")
		app := providertest.AppOf(t, page)
		form := mine("carried", value(t, page, "carried"))

		wrong := p.Post(t, browser, "/account/security/app", providertest.With(form, "code", "000000"))
		wantPage(t, wrong, http.StatusUnprocessableEntity, `aria-invalid="true"`)
		if again := providertest.AppOf(t, wrong); string(again.Secret) != string(app.Secret) {
			t.Error("it is another app than the one that was scanned")
		}
		var codes []string
		rotates(t, p, browser, func() {
			typed := app.Code(p.Clock.Now())
			res := p.Post(t, browser, "/account/security/app", providertest.With(form, "code", typed[:3]+" "+typed[3:]))
			wantPage(t, res, http.StatusOK, "Your authenticator app is added")
			codes = res.RecoveryCodes()
		})
		if has := p.Factors(t, providertest.UserID); has.TOTP == nil || has.RecoveryCodes != 10 || len(codes) != 10 {
			t.Errorf("has %+v, shown %v", has, codes)
		}
		page = p.Get(t, browser, "/account/security")
		if len(page.RecoveryCodes()) > 0 || !strings.Contains(page.Body, "10 recovery codes left") {
			t.Error("the codes are shown again, or not counted")
		}
		if m := p.Mail(t, providertest.Username); !strings.Contains(m.Text, "authenticator app") {
			t.Errorf("the person was told %q", m.Subject)
		}
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/security/codes", mine())
			if fresh := res.RecoveryCodes(); len(fresh) != 10 || fresh[0] == codes[0] {
				t.Errorf("new codes: %v", fresh)
			}
		})
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/security/app/remove", mine())
			wantPage(t, wantBack(t, p, browser, res, "/account/security"), http.StatusOK, "Your authenticator app is removed")
		})
		if has := p.Factors(t, providertest.UserID); has.TOTP != nil || has.RecoveryCodes != 0 {
			t.Errorf("has %+v", has)
		}
		for _, event := range []string{"totp_added", "recovery_codes_made", "totp_removed"} {
			if !slices.Contains(events(t, p), event) {
				t.Errorf("no record of %s: %v", event, events(t, p))
			}
		}
		wantPage(t, p.Post(t, browser, "/account/security/app/remove", mine()), http.StatusNotFound, "")
		wantPage(t, p.Post(t, browser, "/account/security/codes", mine()), http.StatusNotFound, "")
	})
}

func TestPasskeyIsAddedNamedAndRemoved(t *testing.T) {
	t.Parallel()
	onEachLocal(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		page := p.Get(t, browser, "/account/security")
		key := p.Authenticator()
		form := mine("carried", value(t, page, "carried"), "answer", key.Create(t, page.PasskeyOptions(t, "create")))
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/security/passkeys", form)
			wantPage(t, res, http.StatusOK, "Your passkey is added")
			if len(res.RecoveryCodes()) != 10 {
				t.Error("no recovery codes with the first factor")
			}
		})
		wantPage(t, p.Post(t, browser, "/account/security/passkeys", form), http.StatusUnprocessableEntity, "was not added")
		has := p.Factors(t, providertest.UserID)
		if len(has.Passkeys) != 1 {
			t.Fatalf("has %+v", has)
		}
		path := regexp.MustCompile(`/account/security/passkey\?passkey=[A-Za-z0-9_-]+`).FindString(p.Get(t, browser, "/account/security").Body)
		id := value(t, p.Get(t, browser, path), "passkey")

		long := p.Post(t, browser, "/account/security/passkey", mine("passkey", id, "name", strings.Repeat("a", 61)))
		wantPage(t, long, http.StatusUnprocessableEntity, "at most 60 characters")
		res := p.Post(t, browser, "/account/security/passkey", mine("passkey", id, "name", " My <b>phone</b> "))
		wantPage(t, wantBack(t, p, browser, res, "/account/security"), http.StatusOK, "My &lt;b&gt;phone&lt;/b&gt;")

		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/security/passkey/remove", mine("passkey", id))
			wantPage(t, wantBack(t, p, browser, res, "/account/security"), http.StatusOK, "Your passkey is removed")
		})
		if has := p.Factors(t, providertest.UserID); len(has.Passkeys) != 0 || has.RecoveryCodes != 0 {
			t.Errorf("has %+v", has)
		}
		for _, res := range []providertest.Response{
			p.Get(t, browser, path),
			p.Post(t, browser, "/account/security/passkey", mine("passkey", id, "name", "x")),
			p.Post(t, browser, "/account/security/passkey/remove", mine("passkey", id)),
		} {
			wantPage(t, res, http.StatusNotFound, "")
		}
	})
}

// WebAuthn §7.1: a ceremony is finished by whoever began it, in their browser, once.
func TestCeremonyIsOfWhoBeganIt(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: local})
	addBo(t, p)
	browser := signedIn(t, p)
	page := p.Get(t, browser, "/account/security")
	carried, answer := value(t, page, "carried"), p.Authenticator().Create(t, page.PasskeyOptions(t, "create"))

	elsewhere := signedIn(t, p)
	res := p.Post(t, elsewhere, "/account/security/passkeys", mine("carried", carried, "answer", answer))
	wantPage(t, res, http.StatusUnprocessableEntity, "was not added")

	bo := follow(t, p, browser, p.Get(t, browser, "/authorize?"+url.Values{
		"client_id": {"gatelodge-account"}, "response_type": {"none"}, "scope": {"openid"}, "prompt": {"login"},
		"redirect_uri": {p.Config.Issuer + "/account/security"},
	}.Encode()), "bo@example.com")
	wantPage(t, bo, http.StatusOK, "bo@example.com")
	res = p.Post(t, browser, "/account/security/passkeys", url.Values{"account": {"bo"}, "carried": {carried}, "answer": {answer}})
	wantPage(t, res, http.StatusUnprocessableEntity, "was not added")
	for _, id := range []string{"bo", providertest.UserID} {
		if has := p.Factors(t, id); len(has.Passkeys) > 0 {
			t.Errorf("%s has a passkey", id)
		}
	}
	res = p.Post(t, browser, "/account/security/passkeys", mine("carried", carried, "answer", answer))
	wantPage(t, res, http.StatusOK, "Your passkey is added")
}

// Nobody takes away the only way in that they have.
func TestOnlyWayInStays(t *testing.T) {
	t.Parallel()
	onEachLocal(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		res := p.Post(t, browser, "/account/password/remove", mine())
		wantPage(t, res, http.StatusUnprocessableEntity, "You need a passkey")
		key := p.Authenticator()
		p.AddPasskey(t, providertest.UserID, key)
		answer := func(page providertest.Response) string { return key.Get(t, page.PasskeyOptions(t, "get")) }
		proves(t, p, browser, "answer", answer, "/account/security")
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/password/remove", mine())
			wantPage(t, wantBack(t, p, browser, res, "/account/password"), http.StatusOK, "Your password is removed")
		})
		if user(t, p).PasswordHash != "" {
			t.Error("the password is there still")
		}
		path := regexp.MustCompile(`passkey\?passkey=([A-Za-z0-9_-]+)`).FindStringSubmatch(p.Get(t, browser, "/account/security").Body)
		res = p.Post(t, browser, "/account/security/passkey/remove", mine("passkey", path[1]))
		wantPage(t, res, http.StatusUnprocessableEntity, "only way")
		// A new password needs no current one, but a recent sign-in.
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/password", mine("password", "a wholly new passphrase"))
			wantPage(t, wantBack(t, p, browser, res, "/account/password"), http.StatusOK, "Your password is changed")
		})
	})
}

func TestLastFactorStaysWhereOneIsNeeded(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Accounts.SecondFactor = "required" }})
	app, _ := p.AddApp(t, providertest.UserID)
	browser := providertest.Browser(t)
	page := enter(t, p, browser, "/account/security")
	page = follow(t, p, browser, p.Post(t, browser, "/login/factor", url.Values{
		"request": {page.Pending(t)}, "code": {app.Code(p.Clock.Now())},
	}), "")
	wantPage(t, page, http.StatusOK, "Remove the app")
	res := p.Post(t, browser, "/account/security/app/remove", mine())
	wantPage(t, res, http.StatusUnprocessableEntity, "Everybody needs a second factor")
}

func TestPasswordIsChanged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser, elsewhere := signedIn(t, p), signedIn(t, p)
		tokens := p.Tokens(t)
		const chosen = "a wholly new passphrase"
		for text, form := range map[string]url.Values{
			"longer password":               mine("current", providertest.Password, "password", "short"),
			"many people use":               mine("current", providertest.Password, "password", "password1"),
			"easy to guess for who":         mine("current", providertest.Password, "password", "alexsample"),
			"not your current password":     mine("current", "wrong", "password", chosen),
			"<title>Error: Password":        mine("password", chosen),
			`name="username" value="alex@e`: mine("current", "wrong", "password", chosen),
		} {
			res := p.Post(t, browser, "/account/password", form)
			wantPage(t, res, http.StatusUnprocessableEntity, text)
			if strings.Contains(res.Body, chosen) || strings.Contains(res.Body, providertest.Password) {
				t.Errorf("%s: a password is in the page", text)
			}
		}
		p.Clock.Advance(time.Hour) // the current password is proof enough
		rotates(t, p, browser, func() {
			res := p.Post(t, browser, "/account/password", mine("current", providertest.Password, "password", chosen))
			wantPage(t, wantBack(t, p, browser, res, "/account/password"), http.StatusOK, "Your password is changed")
		})
		wantDoor(t, p, p.Get(t, elsewhere, "/account"), "/account")
		p.Ended(t, tokens)
		if m := p.Mail(t, providertest.Username); !strings.Contains(m.Subject, "password") {
			t.Errorf("the person was told %q", m.Subject)
		}
		if !slices.Contains(events(t, p), "password_changed") {
			t.Errorf("no record: %v", events(t, p))
		}
	})
}

// The current password alone does not prove who has more than that.
func TestChangedPasswordNeedsTheSecondFactorToo(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	p.AddApp(t, providertest.UserID)
	p.Clock.Advance(time.Hour)
	wantDoor(t, p, p.Get(t, browser, "/account/password"), "/account/password")
	res := p.Post(t, browser, "/account/password", mine("current", providertest.Password, "password", "a wholly new passphrase"))
	wantDoor(t, p, res, "/account/password")
	if !strings.Contains(res.Header.Get("Location"), "max_age=300") {
		t.Errorf("led to %s", res.Header.Get("Location"))
	}
}

// The form to change a password is a door like the sign-in page: it has the same
// counters.
func TestCurrentPasswordIsNotGuessed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		for range 12 {
			res := p.Post(t, browser, "/account/password", mine("current", "wrong", "password", "a wholly new passphrase"))
			wantPage(t, res, http.StatusUnprocessableEntity, "not your current password")
		}
		res := p.Post(t, browser, "/account/password", mine("current", providertest.Password, "password", "a wholly new passphrase"))
		wantPage(t, res, http.StatusUnprocessableEntity, "not your current password")
	})
}

// A session from before the person had a second factor changes nothing that needs a
// recent sign-in: whoever has it may know no more than the password.
func TestSessionWithoutTheSecondFactorTakesNothingAway(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		page := p.Get(t, browser, "/account/security/app")
		others := providertest.AppOf(t, page)
		carried := value(t, page, "carried")
		app, _ := p.AddApp(t, providertest.UserID)
		for path, form := range map[string]url.Values{
			"/account/security/app":        mine("carried", carried, "code", others.Code(p.Clock.Now())),
			"/account/security/app/remove": mine(),
			"/account/security/codes":      mine(),
			"/account/email":               mine("email", "eve@example.com"),
			"/account/data/download":       mine(),
			"/account/delete":              mine(),
			"/account/password":            mine("current", providertest.Password, "password", "the pass phrase of somebody else"),
		} {
			res := p.Post(t, browser, path, form)
			if to, _ := res.Redirect(t); to != p.Config.Issuer+"/authorize" {
				t.Errorf("%s: status %d, to %q", path, res.StatusCode, to)
			}
		}
		code := func(providertest.Response) string { return app.Code(p.Clock.Now()) }
		wantPage(t, proves(t, p, browser, "code", code, "/account/security"), http.StatusOK, "Remove the app")
	})
}
