package authorize_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// atLocalhost is a provider where there can be passkeys.
func atLocalhost(c *config.Config) { c.Issuer = providertest.Localhost(c.Issuer) }

// everybody is atLocalhost, and everybody needs a second factor.
func everybody(c *config.Config) {
	atLocalhost(c)
	c.Accounts.SecondFactor = "required"
}

// What the pages of second factors say.
const (
	factorPage = "Confirm that it is you"
	enrolPage  = "Protect your account"
	codesPage  = "Save your recovery codes"
	offerPage  = "Sign in faster next time"
	stalePage  = "That took too long"
)

// withPassword gets beyond the sign-in page, to a page that asks for more.
func withPassword(t *testing.T, p *providertest.Provider, browser *http.Client) providertest.Response {
	t.Helper()
	return p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params()))))
}

// proof answers a page of a second factor.
func proof(t *testing.T, page providertest.Response, pairs ...string) url.Values {
	t.Helper()
	return providertest.With(url.Values{"request": {page.Pending(t)}}, pairs...)
}

// idToken gets through consent, if it is asked for, and returns what the ID token says.
func idToken(t *testing.T, p *providertest.Provider, browser *http.Client, res providertest.Response) map[string]any {
	t.Helper()
	if res.StatusCode == http.StatusOK {
		res = p.Post(t, browser, "/consent", decision(wantConsent(t, res), "allow"))
	}
	_, claims := providertest.JWT(t, p.Granted(t, providertest.CodeForm(wantCode(t, res))).Get("id_token"))
	return claims
}

// wantAuthenticated checks how the ID token says that the person has signed in.
func wantAuthenticated(t *testing.T, claims map[string]any, acr string, amr ...any) {
	t.Helper()
	if diff := cmp.Diff([]any{acr, amr}, []any{claims["acr"], claims["amr"]}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const (
	acrMultiFactor = "urn:gatelodge:acr:mfa"
	acrPassword    = "urn:gatelodge:acr:password"
	acrResistant   = "phr"
)

// Whoever has an authenticator app needs its code, and a recovery code will do.
func TestSecondFactorIsAskedFor(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		app, codes := p.AddApp(t, providertest.UserID)
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		wantPage(t, page, http.StatusOK, factorPage)
		if cookie(t, p, browser, sessionCookie) != "" {
			t.Error("the password alone has begun a session")
		}
		page = p.Post(t, browser, "/login/factor", proof(t, page, "code", "000000"))
		wantPage(t, page, http.StatusUnprocessableEntity, factorPage)
		if !strings.Contains(page.Body, `role="alert"`) || !strings.Contains(page.Body, "<title>Error: ") || strings.Contains(page.Body, "000000") {
			t.Errorf("the page does not say what is wrong, or repeats the code: %s", page.Body)
		}
		code := app.Code(p.Clock.Now())
		res := p.Post(t, browser, "/login/factor", proof(t, page, "code", code[:3]+" "+code[3:]))
		wantAuthenticated(t, idToken(t, p, browser, res), acrMultiFactor, "pwd", "otp", "mfa")

		browser = providertest.Browser(t)
		page = withPassword(t, p, browser)
		res = p.Post(t, browser, "/login/factor", proof(t, page, "recovery_code", strings.ToLower(codes[3])))
		wantAuthenticated(t, idToken(t, p, browser, res), acrMultiFactor, "pwd", "recovery", "mfa")
		page = withPassword(t, p, providertest.Browser(t))
		wantPage(t, p.Post(t, browser, "/login/factor", proof(t, page, "recovery_code", codes[3])), http.StatusBadRequest, expiredPage)
		if left := p.Factors(t, providertest.UserID).RecoveryCodes; left != len(codes)-1 {
			t.Errorf("%d recovery codes are left", left)
		}
	})
}

// RFC 6238 §5.2: a code is good once, and so is a recovery code, under any race.
func TestSecondFactorIsUsedOnceInParallel(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		app, codes := p.AddApp(t, providertest.UserID)
		for name, code := range map[string]func() string{
			"code": func() string { return app.Code(p.Clock.Now()) }, "recovery_code": func() string { return codes[0] },
		} {
			browser := providertest.Browser(t)
			form := proof(t, withPassword(t, p, browser), name, code())
			passed := 0
			for _, res := range providertest.Parallel(8, func(int) providertest.Response { return p.Post(t, browser, "/login/factor", form) }) {
				switch {
				case res.StatusCode == http.StatusOK && strings.Contains(res.Body, `name="decision"`):
					passed++
				case res.StatusCode == http.StatusUnprocessableEntity && strings.Contains(res.Body, factorPage):
				default:
					t.Errorf("%s: %s", name, brief(res))
				}
			}
			if passed != 1 {
				t.Errorf("a %s has signed in %d times", name, passed)
			}
			p.Clock.Advance(time.Hour)
		}
	})
}

// Attempts are counted by person, whatever the browser, and with those at the
// password: a new session gives no new tries.
func TestAttemptsAtTheSecondFactorAreCountedByPerson(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		app, _ := p.AddApp(t, providertest.UserID)
		for range 2 { // of five attempts each
			browser := providertest.Browser(t)
			page := withPassword(t, p, browser)
			for range 4 {
				page = p.Post(t, browser, "/login/factor", proof(t, page, "code", "123"))
				wantPage(t, page, http.StatusUnprocessableEntity, factorPage)
			}
		}
		browser := providertest.Browser(t)
		wantDenied(t, withPassword(t, p, browser))
		p.Clock.Advance(16 * time.Minute)
		page := withPassword(t, p, browser)
		res := p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now())))
		wantConsent(t, res)
	})
}

// A right code does not count once there have been too many wrong ones.
func TestRightCodeComesTooLateAfterTooManyWrongOnes(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	app, _ := p.AddApp(t, providertest.UserID)
	browser := providertest.Browser(t)
	page := withPassword(t, p, browser)
	for range 9 {
		page = p.Post(t, browser, "/login/factor", proof(t, page, "code", "123"))
	}
	wantPage(t, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))),
		http.StatusUnprocessableEntity, factorPage)
}

// No other door leads around the second factor.
func TestSecondFactorIsNotSkipped(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.AddApp(t, providertest.UserID)
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		for path, form := range map[string]url.Values{
			"/consent":           {"decision": {"allow"}},
			"/login/choose":      {"account": {providertest.UserID}},
			"/login/continue":    {},
			"/login/language":    {"language": {"en"}},
			"/login/passkey/new": {"decision": {"later"}},
			"/login/passkey":     {"answer": {"{}"}},
			"/login/factor/new":  {"code": {"000000"}},
			"/login/switch":      {},
		} {
			form.Set("request", page.Pending(t))
			res := p.Post(t, browser, path, form)
			if res.Header.Get("Location") != "" || strings.Contains(res.Body, `name="decision"`) || cookie(t, p, browser, sessionCookie) != "" {
				t.Errorf("%s: %s", path, brief(res))
			}
		}
		wantError(t, p.Authorize(t, browser, params("prompt", "none")), "login_required")
		wantLogin(t, p.Authorize(t, browser, params()))
	})
}

// What was proved first is worth nothing once it is old or the password has been
// changed, and the second factor is not owed any more once it is gone.
func TestProofOfThePasswordGoesStale(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		app, _ := p.AddApp(t, providertest.UserID)
		browser := providertest.Browser(t)
		code := func(page providertest.Response) providertest.Response {
			return p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now())))
		}
		page := withPassword(t, p, browser)
		p.Clock.Advance(10*time.Minute + time.Second)
		wantPage(t, code(page), http.StatusUnprocessableEntity, stalePage)

		page = withPassword(t, p, browser)
		p.ChangeUser(t, func(u *storage.User) { u.PasswordHash += " " })
		wantPage(t, code(page), http.StatusUnprocessableEntity, stalePage)
		p.ChangeUser(t, func(u *storage.User) { u.PasswordHash = strings.TrimSpace(u.PasswordHash) })

		page = withPassword(t, p, browser)
		p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
		wantPage(t, code(page), http.StatusUnprocessableEntity, factorPage)
		p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = time.Time{} })

		page = withPassword(t, p, browser)
		w := storage.Write{Key: rand.Text(), Now: p.Clock.Now(), Change: &storage.UserChange{
			UserID: providertest.UserID, RemoveTOTP: true, RecoveryCodes: []storage.Hash{},
		}}
		if err := p.Store.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if res := code(page); res.Header.Get("Location") != "" || cookie(t, p, browser, sessionCookie) != "" {
			t.Errorf("a code of an app that is gone signs in: %s", brief(res))
		}
		wantConsent(t, withPassword(t, p, browser))
	})
}

// A page of one person's second factor proves nothing of another's.
func TestCodeOfSomebodyElse(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.AddApp(t, providertest.UserID)
	addBo(t, p)
	app, codes := p.AddApp(t, "bo")
	browser := providertest.Browser(t)
	page := withPassword(t, p, browser)
	for name, code := range map[string]string{"code": app.Code(p.Clock.Now()), "recovery_code": codes[0]} {
		wantPage(t, p.Post(t, browser, "/login/factor", proof(t, page, name, code)), http.StatusUnprocessableEntity, factorPage)
	}
}

// Where everybody needs a second factor, whoever has none adds one, and sees their
// recovery codes once.
func TestAppIsAddedWhereItIsDemanded(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: everybody}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		wantPage(t, page, http.StatusOK, enrolPage)
		app := providertest.AppOf(t, page)
		page = p.Post(t, browser, "/login/factor/new", proof(t, page, "code", "123456"))
		wantPage(t, page, http.StatusUnprocessableEntity, enrolPage)
		if diff := cmp.Diff(app, providertest.AppOf(t, page)); diff != "" {
			t.Errorf("the app that was scanned is of no use any more: %s", diff)
		}
		res := p.Post(t, browser, "/login/factor/new", proof(t, page, "code", app.Code(p.Clock.Now())))
		wantPage(t, res, http.StatusOK, codesPage)
		codes := res.RecoveryCodes()
		if len(codes) != 10 {
			t.Fatalf("%d recovery codes", len(codes))
		}
		res = p.Post(t, browser, "/login/continue", proof(t, res))
		wantAuthenticated(t, idToken(t, p, browser, res), acrMultiFactor, "pwd", "otp", "mfa")
		if m := p.Mail(t, providertest.Username); !strings.Contains(m.Text, "authenticator") {
			t.Errorf("the notice says %q", m.Text)
		}

		browser = providertest.Browser(t)
		page = withPassword(t, p, browser)
		wantPage(t, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))),
			http.StatusUnprocessableEntity, factorPage) // it has added the app
		wantConsentOrCode(t, p.Post(t, browser, "/login/factor", proof(t, page, "recovery_code", codes[9])))
	})
}

// A client can require a second factor for itself, and a request can, by an essential
// acr; acr_values wish for what the person has. Whoever is signed in proves only what
// is missing.
func TestStepUp(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		signedInAt := p.Clock.Now()
		essential := func(values ...string) string {
			b, _ := json.Marshal(map[string]any{"id_token": map[string]any{"acr": map[string]any{"essential": true, "values": values}}})
			return string(b)
		}
		wantAuthenticated(t, idToken(t, p, browser, p.Authorize(t, browser, params("acr_values", acrMultiFactor))), acrPassword, "pwd")
		wantPage(t, p.Authorize(t, browser, params("claims", essential(acrMultiFactor))), http.StatusOK, enrolPage)
		wantError(t, p.Authorize(t, browser, params("claims", essential(acrMultiFactor), "prompt", "none")), "login_required")

		app, _ := p.AddApp(t, providertest.UserID)
		wantAuthenticated(t, idToken(t, p, browser, p.Authorize(t, browser, params("prompt", "none", "acr_values", acrMultiFactor))), acrPassword, "pwd")
		wantPage(t, p.Authorize(t, browser, params("acr_values", acrMultiFactor)), http.StatusOK, factorPage)
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequiredACR = acrMultiFactor })
		p.Clock.Advance(time.Minute)
		wantError(t, p.Authorize(t, browser, params("prompt", "none")), "login_required")
		page := p.Authorize(t, browser, params())
		wantPage(t, page, http.StatusOK, factorPage)
		before := cookie(t, p, browser, sessionCookie)
		claims := idToken(t, p, browser, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))))
		wantAuthenticated(t, claims, acrMultiFactor, "pwd", "otp", "mfa")
		if claims["auth_time"] != float64(signedInAt.Unix()) {
			t.Errorf("auth_time is %v, but the password was proved at %d", claims["auth_time"], signedInAt.Unix())
		}
		if cookie(t, p, browser, sessionCookie) == before {
			t.Error("the session has another right under the same token")
		}
		wantCode(t, p.Authorize(t, browser, params("prompt", "none")))
		wantError(t, p.Authorize(t, browser, params("claims", essential(acrPassword))), "unmet_authentication_requirements")
		wantCode(t, p.Authorize(t, browser, params("claims", essential(acrPassword, acrMultiFactor))))
	})
}

// The browser in which somebody has proved more is still their device, which no
// stranger can lock out.
func TestStepUpKeepsTheDevice(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser, stranger := signedIn(t, p), providertest.Browser(t)
	app, _ := p.AddApp(t, providertest.UserID)
	page := p.Authorize(t, browser, params("acr_values", acrMultiFactor))
	wantCode(t, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))))
	addBo(t, p)
	res := p.Post(t, browser, "/login", providertest.With(
		credentials(wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))), "username", "bo"))
	wantConsentOrCode(t, res)
	sealed := wantLogin(t, p.Authorize(t, stranger, params()))
	for range 12 {
		wantDenied(t, p.Post(t, stranger, "/login", providertest.With(credentials(sealed), "password", "wrong")))
	}
	page = p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))))
	wantPage(t, page, http.StatusOK, factorPage)
}

// A recovery code that is wrong is told as such, and asked for again.
func TestWrongRecoveryCodeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.AddApp(t, providertest.UserID)
	browser := providertest.Browser(t)
	page := p.Post(t, browser, "/login/factor", proof(t, withPassword(t, p, browser), "recovery_code", "0000-0000-0000-0000"))
	wantPage(t, page, http.StatusUnprocessableEntity, `<a href="#recovery_code">`)
	if strings.Contains(page.Body, "0000-0000") {
		t.Error("the code is repeated")
	}
}

// What is proved further is the session that it was begun in, which may have ended.
func TestStepUpEndsWithItsSession(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		app, _ := p.AddApp(t, providertest.UserID)
		page := p.Authorize(t, browser, params("acr_values", acrMultiFactor))
		wantPage(t, page, http.StatusOK, factorPage)
		sessions, err := p.Store.ListSessions(t.Context(), providertest.UserID, p.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sessions {
			if _, err := p.Store.EndSessions(t.Context(), []string{s.ID}, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		wantPage(t, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))),
			http.StatusUnprocessableEntity, stalePage)
	})
}

// An outage is no wrong code: the page comes again, with 503.
func TestOutageAtTheSecondFactor(t *testing.T) {
	t.Parallel()
	store := &failing{Store: providertest.SQLite(t)}
	p := providertest.New(t, providertest.Options{Store: store})
	app, _ := p.AddApp(t, providertest.UserID)
	browser := providertest.Browser(t)
	page := withPassword(t, p, browser)
	form := proof(t, page, "code", app.Code(p.Clock.Now()))
	store.fail.Store(true)
	res := p.Post(t, browser, "/login/factor", form)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(res.Body, factorPage) {
		t.Errorf("got %s", brief(res))
	}
	store.fail.Store(false)
	wantConsent(t, p.Post(t, browser, "/login/factor", form))
}

// Latency is round trips: a second factor costs what a password does.
func TestRoundTripsOfSecondFactors(t *testing.T) {
	t.Parallel()
	var trips storagetest.RoundTrips
	p := providertest.New(t, providertest.Options{
		Store: providertest.Postgres(t, pgtest.NewDatabase(t), &trips), Configure: atLocalhost,
	})
	browser := signedIn(t, p)
	app, _ := p.AddApp(t, providertest.UserID)
	within := func(what string, budget int, request func()) {
		t.Helper()
		trips.Reset()
		request()
		if n := trips.Count(); n > budget {
			t.Errorf("%s takes %d round trips, the budget is %d", what, n, budget)
		}
	}
	sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	var page providertest.Response
	within("the password of somebody with a second factor", 1, func() { page = p.Post(t, browser, "/login", credentials(sealed)) })
	within("a code", 3, func() {
		wantCode(t, p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now()))))
	})
	key := p.Authenticator()
	p.AddPasskey(t, providertest.UserID, key)
	login := p.Authorize(t, browser, params("prompt", "login"))
	form := proof(t, login, "answer", key.Get(t, login.PasskeyOptions(t, "get")))
	within("a passkey", 3, func() { wantCode(t, p.Post(t, browser, "/login/passkey", form)) })
}

// The page of a second factor speaks another language when it is asked to, and is
// still the same page.
func TestPageOfTheSecondFactorInAnotherLanguage(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: everybody})
	browser := providertest.Browser(t)
	page := withPassword(t, p, browser)
	app := providertest.AppOf(t, page)
	page = p.Post(t, browser, "/login/language", proof(t, page, "language", "de"))
	if !strings.Contains(page.Body, `<html lang="de"`) || !cmp.Equal(app, providertest.AppOf(t, page)) {
		t.Errorf("got %s", brief(page))
	}
	res := p.Post(t, browser, "/login/factor/new", proof(t, page, "code", app.Code(p.Clock.Now())))
	if len(res.RecoveryCodes()) != 10 {
		t.Errorf("got %s", brief(res))
	}
}
