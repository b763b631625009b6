package authorize_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// failing is a store whose writes can fail.
type failing struct {
	storage.Store
	fail atomic.Bool
}

func (s *failing) Apply(ctx context.Context, w storage.Write) error {
	if s.fail.Load() {
		return errors.New("out of order")
	}
	return s.Store.Apply(ctx, w)
}

// logged is a log that is written and read at once.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// asked is the sign-in page, and what it asks of a passkey.
func asked(t *testing.T, p *providertest.Provider, browser *http.Client) (page providertest.Response, options string) {
	t.Helper()
	page = p.Authorize(t, browser, params())
	wantLogin(t, page)
	return page, page.PasskeyOptions(t, "get")
}

const passkeyDenied = "That passkey did not work"

// A passkey that verifies its owner signs in by itself.
func TestPasskeySignsIn(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for _, synced := range []bool{true, false} {
			key := p.Authenticator()
			key.Synced, key.Count = synced, 7
			p.AddPasskey(t, providertest.UserID, key)
			browser := providertest.Browser(t)
			page, options := asked(t, p, browser)
			res := p.Post(t, browser, "/login/passkey", proof(t, page, "answer", key.Get(t, options)))
			kind := map[bool]string{true: "swk", false: "hwk"}[synced]
			wantAuthenticated(t, idToken(t, p, browser, res), acrResistant, kind, "user", "mfa")
			p.Clock.Advance(time.Second)
		}
		has := p.Factors(t, providertest.UserID)
		if len(has.Passkeys) != 2 || has.Passkeys[1].SignCount != 8 || !has.Passkeys[1].LastUsedAt.Equal(p.Clock.Now().Add(-time.Second)) || has.Passkeys[1].BackedUp {
			t.Errorf("stored as %+v", has.Passkeys)
		}
	})
}

// WebAuthn §13.4.3: a challenge is good once, under any race.
func TestChallengeIsUsedOnceInParallel(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		key := p.Authenticator()
		p.AddPasskey(t, providertest.UserID, key)
		browser := providertest.Browser(t)
		page, options := asked(t, p, browser)
		form := proof(t, page, "answer", key.Get(t, options))
		passed := 0
		for _, res := range providertest.Parallel(8, func(int) providertest.Response { return p.Post(t, browser, "/login/passkey", form) }) {
			switch {
			case res.StatusCode == http.StatusOK && strings.Contains(res.Body, `name="decision"`):
				passed++
			case res.StatusCode == http.StatusUnprocessableEntity && strings.Contains(res.Body, passkeyDenied):
			default:
				t.Error(brief(res))
			}
		}
		if passed != 1 {
			t.Errorf("the answer has signed in %d times", passed)
		}
	})
}

// The ceremony is bound to the browser and the page that began it, to our origin,
// and to the owner of the passkey.
func TestPasskeyProvesNothingElse(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		key := p.Authenticator()
		p.AddPasskey(t, providertest.UserID, key)
		browser := providertest.Browser(t)
		page, options := asked(t, p, browser)
		_, others := asked(t, p, browser)
		refused := func(name, answer string) {
			t.Helper()
			res := p.Post(t, browser, "/login/passkey", proof(t, page, "answer", answer))
			if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.Body, passkeyDenied) {
				t.Errorf("%s: %s", name, brief(res))
			}
		}
		refused("the challenge of another page", key.Get(t, others))
		elsewhere := key.Clone()
		elsewhere.Origin = "https://localhost.evil.example"
		refused("another origin", elsewhere.Get(t, options))
		elsewhere.Origin = strings.Replace(key.Origin, "http:", "https:", 1)
		refused("another scheme", elsewhere.Get(t, options))
		unverified := key.Clone()
		unverified.Verifies = false
		refused("an owner who was not verified", unverified.Get(t, options))
		stranger := key.Clone()
		stranger.Create(t, `{"challenge":"AAAA","user":{"id":"AAAA"}}`)
		refused("a passkey that nobody has", stranger.Get(t, options))
		refused("no answer", "")
		refused("no JSON", "{")
		refused("much", `{"id":"`+strings.Repeat("A", 20000)+`"}`)

		addBo(t, p)
		bos := p.Authenticator()
		p.AddPasskey(t, "bo", bos)
		page2 := withPassword(t, p, browser)
		wantPage(t, page2, http.StatusOK, factorPage)
		res := p.Post(t, browser, "/login/factor", proof(t, page2, "answer", bos.Get(t, page2.PasskeyOptions(t, "get"))))
		wantPage(t, res, http.StatusUnprocessableEntity, factorPage)

		answer := key.Get(t, options)
		wantPage(t, p.Post(t, providertest.Browser(t), "/login/passkey", proof(t, page, "answer", answer)), http.StatusBadRequest, expiredPage)
		wantConsent(t, p.Post(t, browser, "/login/passkey", proof(t, page, "answer", answer)))
	})
}

// The browser is told of a passkey that nobody here has, so that it does not offer it
// again: WebAuthn §5.1.10.
func TestUnknownPasskeyIsSignalled(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: atLocalhost})
	browser := providertest.Browser(t)
	page, options := asked(t, p, browser)
	stranger := p.Authenticator()
	stranger.Create(t, `{"challenge":"AAAA","user":{"id":"AAAA"}}`)
	res := p.Post(t, browser, "/login/passkey", proof(t, page, "answer", stranger.Get(t, options)))
	if !strings.Contains(res.Body, `data-unknown="`) {
		t.Errorf("got %s", res.Body)
	}
}

// Whoever keeps trying passwords locks nobody with a passkey out.
func TestWrongPasswordsDoNotLockAPasskeyOut(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		key := p.Authenticator()
		p.AddPasskey(t, providertest.UserID, key)
		stranger, browser := providertest.Browser(t), providertest.Browser(t)
		sealed := wantLogin(t, p.Authorize(t, stranger, params()))
		for range 12 {
			wantDenied(t, p.Post(t, stranger, "/login", providertest.With(credentials(sealed), "password", "wrong")))
		}
		wantDenied(t, withPassword(t, p, providertest.Browser(t)))
		page, options := asked(t, p, browser)
		wantConsent(t, p.Post(t, browser, "/login/passkey", proof(t, page, "answer", key.Get(t, options))))
	})
}

// A disabled person signs in with no passkey either.
func TestPasskeyOfADisabledPerson(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: atLocalhost})
	key := p.Authenticator()
	p.AddPasskey(t, providertest.UserID, key)
	browser := providertest.Browser(t)
	page, options := asked(t, p, browser)
	p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
	wantPage(t, p.Post(t, browser, "/login/passkey", proof(t, page, "answer", key.Get(t, options))), http.StatusUnprocessableEntity, passkeyDenied)
}

// A passkey is a second factor too, and need not verify its owner then.
func TestPasskeyAsSecondFactor(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		key := p.Authenticator()
		p.AddPasskey(t, providertest.UserID, key)
		key.Verifies = false
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		wantPage(t, page, http.StatusOK, factorPage)
		res := p.Post(t, browser, "/login/factor", proof(t, page, "answer", key.Get(t, page.PasskeyOptions(t, "get"))))
		wantAuthenticated(t, idToken(t, p, browser, res), acrResistant, "pwd", "swk", "user", "mfa")
	})
}

// A sign count that went back keeps nobody out, WebAuthn §6.1.1, and is logged.
func TestSignCountThatWentBackIsLogged(t *testing.T) {
	t.Parallel()
	var log logged
	p := providertest.New(t, providertest.Options{Configure: atLocalhost, Log: &log})
	key := p.Authenticator()
	key.Count = 10
	p.AddPasskey(t, providertest.UserID, key)
	key.Count = 3
	browser := providertest.Browser(t)
	page, options := asked(t, p, browser)
	wantConsent(t, p.Post(t, browser, "/login/passkey", proof(t, page, "answer", key.Get(t, options))))
	if !strings.Contains(log.String(), "the sign count of a passkey of sub "+providertest.UserID+" went back") {
		t.Errorf("the log says %s", log.String())
	}
	if got := p.Factors(t, providertest.UserID).Passkeys[0].SignCount; got != 10 {
		t.Errorf("the highest count that was seen is %d", got)
	}
}

// A request for phr is met by a passkey alone: who has an app proves that and then
// adds a passkey, which they use.
func TestPasskeyIsAddedWhereItIsDemanded(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequiredACR = acrResistant })
		app, _ := p.AddApp(t, providertest.UserID)
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		wantPage(t, page, http.StatusOK, factorPage)
		page = p.Post(t, browser, "/login/factor", proof(t, page, "code", app.Code(p.Clock.Now())))
		wantPage(t, page, http.StatusOK, enrolPage)
		if strings.Contains(page.Body, "otpauth:") || cookie(t, p, browser, sessionCookie) != "" {
			t.Errorf("an app will do, or has done: %s", page.Body)
		}
		key := p.Authenticator()
		page = p.Post(t, browser, "/login/factor/new", proof(t, page, "answer", key.Create(t, page.PasskeyOptions(t, "create"))))
		wantPage(t, page, http.StatusOK, factorPage) // with no new recovery codes, since there are some
		res := p.Post(t, browser, "/login/factor", proof(t, page, "answer", key.Get(t, page.PasskeyOptions(t, "get"))))
		wantAuthenticated(t, idToken(t, p, browser, res), acrResistant, "pwd", "otp", "swk", "user", "mfa")
	})
}

// Whoever has no factor where one is demanded adds a passkey, sees the recovery codes
// and uses it.
func TestPasskeyIsTheFirstFactorThatIsDemanded(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: everybody}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		page := withPassword(t, p, browser)
		key := p.Authenticator()
		page = p.Post(t, browser, "/login/factor/new", proof(t, page, "answer", key.Create(t, page.PasskeyOptions(t, "create"))))
		wantPage(t, page, http.StatusOK, codesPage)
		if cookie(t, p, browser, sessionCookie) != "" {
			t.Error("a passkey that was not used yet has begun a session")
		}
		page = p.Post(t, browser, "/login/continue", proof(t, page))
		wantPage(t, page, http.StatusOK, factorPage)
		res := p.Post(t, browser, "/login/factor", proof(t, page, "answer", key.Get(t, page.PasskeyOptions(t, "get"))))
		wantAuthenticated(t, idToken(t, p, browser, res), acrResistant, "pwd", "swk", "user", "mfa")
		if name := p.Factors(t, providertest.UserID).Passkeys[0].Name; name != "Passkey" {
			t.Errorf("it is called %q", name)
		}
	})
}

// Whoever signs in with a password in a browser that can do better is offered a
// passkey, until they have one or do not want to be.
func TestPasskeyIsOffered(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		signIn := func(able string) (*http.Client, providertest.Response) {
			browser := providertest.Browser(t)
			sealed := wantLogin(t, p.Authorize(t, browser, params()))
			return browser, p.Post(t, browser, "/login", providertest.With(credentials(sealed), "passkeys", able))
		}
		_, res := signIn("")
		wantConsent(t, res)
		browser, res := signIn("yes")
		wantPage(t, res, http.StatusOK, offerPage)
		wantConsent(t, p.Post(t, browser, "/login/passkey/new", proof(t, res, "decision", "later")))

		browser, res = signIn("yes")
		wantPage(t, p.Post(t, browser, "/login/passkey/new", proof(t, res, "answer", "{}")), http.StatusUnprocessableEntity, offerPage)
		key := p.Authenticator()
		form := proof(t, res, "answer", key.Create(t, res.PasskeyOptions(t, "create")))
		codes := p.Post(t, browser, "/login/passkey/new", form)
		wantPage(t, codes, http.StatusOK, codesPage)
		wantConsent(t, p.Post(t, browser, "/login/passkey/new", form)) // sent twice
		wantConsent(t, p.Post(t, browser, "/login/continue", proof(t, codes)))
		if n := len(p.Factors(t, providertest.UserID).Passkeys); n != 1 {
			t.Errorf("there are %d passkeys", n)
		}
		browser, res = signIn("yes")
		wantPage(t, res, http.StatusOK, factorPage)
		wantConsent(t, p.Post(t, browser, "/login/factor", proof(t, res, "answer", key.Get(t, res.PasskeyOptions(t, "get")))))
	})
}

func TestPasskeyIsNotOfferedAgainToWhoDoesNotWantOne(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for _, want := range []string{offerPage, `name="decision"`} {
			browser := providertest.Browser(t)
			sealed := wantLogin(t, p.Authorize(t, browser, params()))
			res := p.Post(t, browser, "/login", providertest.With(credentials(sealed), "passkeys", "yes"))
			wantPage(t, res, http.StatusOK, want)
			if want == offerPage {
				wantConsent(t, p.Post(t, browser, "/login/passkey/new", proof(t, res, "decision", "never")))
			}
		}
	})
}

// A passkey is added by whoever it was offered to, while they are signed in.
func TestPasskeyIsAddedByWhoeverItWasOfferedTo(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: atLocalhost}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		sealed := wantLogin(t, p.Authorize(t, browser, params()))
		offer := p.Post(t, browser, "/login", providertest.With(credentials(sealed), "passkeys", "yes"))
		form := proof(t, offer, "answer", p.Authenticator().Create(t, offer.PasskeyOptions(t, "create")))
		kept := cookie(t, p, browser, sessionCookie)
		setSession(t, p, browser, "")
		wantLogin(t, p.Post(t, browser, "/login/passkey/new", form))
		setSession(t, p, browser, kept)
		p.Clock.Advance(25 * time.Hour)
		wantPage(t, p.Post(t, browser, "/login/passkey/new", form), http.StatusBadRequest, expiredPage)
		if n := len(p.Factors(t, providertest.UserID).Passkeys); n != 0 {
			t.Errorf("%d passkeys were added", n)
		}
	})
}

// Enrolment needs a sign-in that is recent: whoever finds the offer on a screen hours
// later adds no passkey of theirs.
func TestPasskeyIsNotAddedToAnOldSignIn(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: atLocalhost})
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	offer := p.Post(t, browser, "/login", providertest.With(credentials(sealed), "passkeys", "yes"))
	p.Clock.Advance(2 * time.Hour)
	answer := p.Authenticator().Create(t, offer.PasskeyOptions(t, "create"))
	wantConsent(t, p.Post(t, browser, "/login/passkey/new", proof(t, offer, "answer", answer)))
	if n := len(p.Factors(t, providertest.UserID).Passkeys); n != 0 {
		t.Errorf("%d passkeys were added", n)
	}
}

// Whoever knows no more than the password, and has kept a page on which a factor is
// added, adds none of theirs once the owner has one: it would stand in for that.
func TestFactorIsNotAddedBesideOneThatWasNotProved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		configure func(*config.Config)
		page, to  string
	}{
		"the offer":  {atLocalhost, offerPage, "/login/passkey/new"},
		"the demand": {everybody, enrolPage, "/login/factor/new"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.OnEachDatabase(t, providertest.Options{Configure: c.configure}, func(t *testing.T, p *providertest.Provider) {
				t.Helper()
				browser := providertest.Browser(t)
				sealed := wantLogin(t, p.Authorize(t, browser, params()))
				kept := p.Post(t, browser, "/login", providertest.With(credentials(sealed), "passkeys", "yes"))
				wantPage(t, kept, http.StatusOK, c.page)
				p.AddApp(t, providertest.UserID)
				answer := p.Authenticator().Create(t, kept.PasskeyOptions(t, "create"))
				p.Post(t, browser, c.to, proof(t, kept, "answer", answer))
				if n := len(p.Factors(t, providertest.UserID).Passkeys); n != 0 {
					t.Errorf("%d passkeys were added", n)
				}
			})
		})
	}
}
