package authorize_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// A session whose id somebody has planted is never the one that the person gets.
func TestSessionIsNotFixed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	planted := strings.Repeat("A", 43) // as well-formed as ours
	victim, attacker := providertest.Browser(t), providertest.Browser(t)
	setSession(t, p, victim, planted)
	setSession(t, p, attacker, planted)
	p.Code(t, victim, params())
	if got := cookie(t, p, victim, sessionCookie); got == "" || got == planted {
		t.Errorf("the session's cookie is %q", got)
	}
	wantLogin(t, p.Authorize(t, attacker, params()))
}

// Each sign-in has a token of its own, and ends the one that the person had in the
// browser.
func TestSignInReplacesTheSession(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser, copied, elsewhere := signedIn(t, p), providertest.Browser(t), signedIn(t, p)
	first := cookie(t, p, browser, sessionCookie)
	setSession(t, p, copied, first)
	wantCode(t, p.Authorize(t, copied, params()))

	sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "login", "id_token_hint", p.Tokens(t).Get("id_token"))))
	wantCode(t, p.Post(t, browser, "/login", credentials(sealed)))
	if got := cookie(t, p, browser, sessionCookie); got == "" || got == first {
		t.Errorf("the session's cookie is %q after %q", got, first)
	}
	wantCode(t, p.Authorize(t, browser, params()))
	wantLogin(t, p.Authorize(t, copied, params()))
	wantCode(t, p.Authorize(t, elsewhere, params()))
}

// Nobody is signed in by a wrong password, and nobody is signed out.
func TestDeniedSignInLeavesTheSession(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	before := cookie(t, p, browser, sessionCookie)
	sealed := wantConsent(t, p.Authorize(t, browser, params("prompt", "consent")))
	wrong := credentials(wantLogin(t, p.Post(t, browser, "/login/switch", url.Values{"request": {sealed}})))
	wrong.Set("password", "wrong")
	wantPage(t, p.Post(t, browser, "/login", wrong), 422, denied)
	if got := cookie(t, p, browser, sessionCookie); got != before {
		t.Errorf("the session's cookie is %q after %q", got, before)
	}
	wantCode(t, p.Authorize(t, browser, params()))
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *providertest.Provider){
		"when it is over": func(_ *testing.T, p *providertest.Provider) {
			p.Clock.Advance(p.Config.Lifetimes.Session)
		},
		"when the person is disabled": func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
		},
		"when the person was disabled for a while": func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
			p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = time.Time{} })
		},
		"with the person": func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			if err := p.Store.DeleteUser(t.Context(), providertest.UserID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			browser := signedIn(t, p)
			end(t, p)
			wantLogin(t, p.Authorize(t, browser, params()))
			wantError(t, p.Authorize(t, browser, params("prompt", "none")), "login_required")
		})
	}
}

// overtaken is a store in which something else is written just before a request's
// own write.
type overtaken struct {
	storage.Store
	first func()
}

func (o *overtaken) Apply(ctx context.Context, w storage.Write) error {
	o.first()
	return o.Store.Apply(ctx, w)
}

// After a change of the password all sessions and refresh tokens end: those too
// that were under way when it was changed.
func TestNothingUnderWayOutlivesAChangeOfThePassword(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, *providertest.Provider) (*http.Client, func() providertest.Response){
		"sign-in": func(t *testing.T, p *providertest.Provider) (*http.Client, func() providertest.Response) {
			t.Helper()
			browser := providertest.Browser(t)
			sealed := wantLogin(t, p.Authorize(t, browser, params()))
			return browser, func() providertest.Response { return p.Post(t, browser, "/login", credentials(sealed)) }
		},
		"consent": func(t *testing.T, p *providertest.Provider) (*http.Client, func() providertest.Response) {
			t.Helper()
			browser, sealed := consentPage(t, p)
			return browser, func() providertest.Response { return p.Post(t, browser, "/consent", decision(sealed, "allow")) }
		},
		"live session": func(t *testing.T, p *providertest.Provider) (*http.Client, func() providertest.Response) {
			t.Helper()
			browser := signedIn(t, p)
			return browser, func() providertest.Response { return p.Authorize(t, browser, params()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &overtaken{Store: providertest.SQLite(t), first: func() {}}
			p := providertest.New(t, providertest.Options{Store: store})
			browser, request := begin(t, p)
			store.first = func() { p.ChangeUser(t, func(u *storage.User) { u.PasswordHash = "" }) }
			wantPage(t, request(), http.StatusBadRequest, "signed out in the meantime")
			wantLogin(t, p.Authorize(t, browser, params()))
		})
	}
}

// RFC 6265bis: over https no cookie comes from, or goes to, anywhere else.
func TestCookiesOfAnHTTPSIssuer(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Issuer = "https://id.example" }})
	cookies := p.Authorize(t, providertest.Browser(t), params()).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %v", cookies)
	}
	if c := cookies[0]; !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
		t.Errorf("got %v", c)
	}
}

// ASVS 7.4.1: a session that the browser forgets because too many are
// signed in there does not live on without it.
func TestSessionThatIsPushedOutEnds(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	first := sessionsOf(t, p, browser)[0]
	for i := range storage.MaxSessions {
		name := "person-" + strconv.Itoa(i)
		saveUser(t, p, name, func(*storage.User) {})
		form := credentials(wantLogin(t, p.Authorize(t, browser, params("prompt", "login"))))
		form.Set("username", name)
		wantConsent(t, p.Post(t, browser, "/login", form))
		live, err := p.Store.Read(t.Context(), storage.Wanted{Sessions: []storage.Hash{first.Hash}, Now: p.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if pushedOut := i == storage.MaxSessions-1; (len(live.Sessions) == 0) != pushedOut {
			t.Errorf("with %d more people the first session lives: %t", i+1, len(live.Sessions) > 0)
		}
	}
	if n := len(sessionsOf(t, p, browser)); n != storage.MaxSessions {
		t.Errorf("%d sessions live", n)
	}
}
