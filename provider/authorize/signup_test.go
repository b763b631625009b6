package authorize_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

func signUpOpen() providertest.Options {
	return providertest.Options{Configure: func(c *config.Config) { c.Accounts.SignUp = true }}
}

func openProvider(t *testing.T) *providertest.Provider {
	t.Helper()
	return providertest.New(t, signUpOpen())
}

func newcomer(sealed string) url.Values {
	return url.Values{
		"request": {sealed}, "name": {"Kim Sample"}, "email": {"Kim@Example.com"}, "password": {newPassphrase},
	}
}

// signsUp signs the newcomer up, by the link in the mail.
func signsUp(t *testing.T, p *providertest.Provider, browser *http.Client, sealed string) providertest.Response {
	t.Helper()
	wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
	return use(t, p, browser, mailed(t, p, mail.ConfirmSignUp, "Kim@Example.com"))
}

// wantSignUp checks that this is the sign-up page, and returns its sealed request.
func wantSignUp(t *testing.T, res providertest.Response, status int) string {
	t.Helper()
	if res.StatusCode != status || !strings.Contains(res.Body, `action="/sign-up"`) {
		t.Fatalf("not the sign-up page: %s", brief(res))
	}
	return res.Pending(t)
}

// Initiating User Registration via OpenID Connect 1.0 §4: prompt=create begins with
// the sign-up page, and ends at the client.
func TestPromptCreateMakesAnAccount(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	waiting := wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
	m := mailed(t, p, mail.ConfirmSignUp, "Kim@Example.com")
	if _, err := p.Store.FindUserByIdentifier(t.Context(), "kim@example.com"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("there is an account before the address is proved: %v", err)
	}
	res := allow(t, p, browser, p.Post(t, browser, "/link/code", typed(waiting, m.Code)))
	tokens := p.Granted(t, providertest.CodeForm(wantCode(t, res)))
	userinfo := p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)
	if userinfo["email"] != "Kim@Example.com" || userinfo["email_verified"] != true || userinfo["name"] != "Kim Sample" {
		t.Errorf("userinfo: %v", userinfo)
	}
	wantCode(t, p.Authorize(t, browser, params("prompt", "none")))
	other := providertest.Browser(t)
	again := url.Values{
		"request":  {wantLogin(t, p.Authorize(t, other, params()))},
		"username": {"kim@example.com"}, "password": {newPassphrase},
	}
	wantCode(t, p.Post(t, other, "/login", again))
}

// The sign-in page leads to the sign-up page and back.
func TestSignInAndSignUpLeadToEachOther(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	sealed = wantSignUp(t, p.Post(t, browser, "/sign-up/start", url.Values{"request": {sealed}}), http.StatusOK)
	wantLogin(t, p.Post(t, browser, "/login/switch", url.Values{"request": {sealed}}))
}

// What is wrong is said, and what was entered stays, but for the password.
func TestSignUpIsChecked(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	for name, changes := range map[string][]string{
		"no name":        {"name", ""},
		"long name":      {"name", strings.Repeat("x", 201)},
		"no address":     {"email", "kim"},
		"two addresses":  {"email", "Kim <kim@example.com>"},
		"full width":     {"email", "\uff4bim@example.com"}, // whose k is one only by NFKC
		"reversed name":  {"name", "\u202emiK"},
		"short password": {"password", "1234567"},
		"long password":  {"password", strings.Repeat("x", 5000)},
	} {
		form := providertest.With(newcomer(sealed), changes...)
		res := p.Post(t, browser, "/sign-up", form)
		wantSignUp(t, res, http.StatusUnprocessableEntity)
		if strings.Contains(res.Body, form.Get("password")) && form.Get("password") != "" {
			t.Errorf("%s: the password is in the page", name)
		}
		if name == "short password" && !strings.Contains(res.Body, "Kim Sample") {
			t.Errorf("%s: what was entered is lost", name)
		}
	}
}

// A network makes so many accounts and no more.
func TestSignUpsOfANetworkAreLimited(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	for range 20 {
		wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
	}
	wantSignUp(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusServiceUnavailable)
}

// Where accounts are the operator's affair, nothing makes one.
func TestSignUpCanBeClosed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	wantError(t, p.Authorize(t, browser, params("prompt", "create")), "invalid_request")
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	for _, path := range []string{"/sign-up", "/sign-up/start"} {
		wantPage(t, p.Post(t, browser, path, newcomer(sealed)), http.StatusNotFound, "There is no such page")
	}
}

// OpenID Connect Core §8.1: who has just signed up has a pairwise sub like everybody,
// also for a client that asks for no consent, whose answer is made at once.
func TestWhoSignsUpHasAPairwiseSubject(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.SubjectType, m.SkipConsent = "pairwise", true
	})
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	tokens := p.Granted(t, providertest.CodeForm(wantCode(t, signsUp(t, p, browser, sealed))))
	_, first := providertest.JWT(t, tokens.Get("id_token"))
	again := p.Granted(t, providertest.CodeForm(wantCode(t, p.Authorize(t, browser, params("prompt", "none")))))
	if _, second := providertest.JWT(t, again.Get("id_token")); first["sub"] != second["sub"] || first["sub"] == "" {
		t.Errorf("sub %q, then %q", first["sub"], second["sub"])
	}
}

// Initiating User Registration via OpenID Connect 1.0 §4: who has made an account and
// then thinks for long about the consent need not make another.
func TestAccountIsMadeOnce(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	page := signsUp(t, p, browser, sealed)
	p.Clock.Advance(2 * time.Hour)
	wantCode(t, allow(t, p, browser, page))
}
