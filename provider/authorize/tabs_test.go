package authorize_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// Ten tabs that were opened at once are gone on with in any order, and each of them
// ends at the client with its own state.
func TestTenTabsInAnyOrderAllEndAtTheClient(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		random := rand.New(rand.NewPCG(7, 11))
		browser := providertest.Browser(t)
		type tab struct {
			page  providertest.Response
			state string
		}
		var open []tab
		for i := range 10 {
			state := "tab-" + strconv.Itoa(i)
			open = append(open, tab{p.Authorize(t, browser, params("state", state)), state})
		}
		for step := 0; len(open) > 0; step++ {
			if step > 200 {
				t.Fatalf("%d tabs do not come to an end", len(open))
			}
			i := random.IntN(len(open))
			at := &open[i]
			switch {
			case random.IntN(4) == 0: // reload
				at.page = p.Authorize(t, browser, params("state", at.state))
			case strings.Contains(at.page.Body, `name="password"`):
				at.page = p.Post(t, browser, "/login", credentials(at.page.Pending(t)))
			default:
				at.page = p.Post(t, browser, "/consent", decision(at.page.Pending(t), "allow"))
			}
			if at.page.Header.Get("Location") == "" {
				continue
			}
			wantCode(t, at.page)
			if _, q := at.page.Redirect(t); q.Get("state") != at.state {
				t.Errorf("state %q, want %q", q.Get("state"), at.state)
			}
			open = append(open[:i], open[i+1:]...)
		}
		// All of it was one session.
		sessions, err := p.Store.ListSessions(t.Context(), providertest.UserID, p.Clock.Now())
		if err != nil || len(sessions) != 1 {
			t.Errorf("%d sessions, %v", len(sessions), err)
		}
	})
}

// Who has signed in in another tab needs no password in this one.
func TestSignInInAnotherTabIsEnough(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	stale := wantLogin(t, p.Authorize(t, browser, params()))
	wrong := providertest.With(credentials(stale), "password", "wrong")
	if res := p.Post(t, browser, "/login", wrong); strings.Contains(res.Body, "Continue as") {
		t.Error("somebody is signed in who is not")
	}
	p.Code(t, browser, params())
	res := p.Post(t, browser, "/login", wrong)
	wantPage(t, res, 422, "Continue as <bdi>Alex Sample</bdi>")
	wantCode(t, p.Post(t, browser, "/login/choose", choice(res.Pending(t), providertest.UserID)))
	// Not if the request demands a sign-in of its own.
	again := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	res = p.Post(t, browser, "/login", providertest.With(credentials(again), "password", "wrong"))
	if strings.Contains(res.Body, "Continue as") {
		t.Error("prompt=login is met by an earlier sign-in")
	}
	wantLogin(t, p.Post(t, browser, "/login/choose", choice(res.Pending(t), providertest.UserID)))
}

// A page that was left open for longer than it is good for leads on.
func TestPageLeftForADayLeadsOn(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	p.Clock.Advance(p.Config.Lifetimes.Request - time.Minute)
	wantConsent(t, p.Post(t, browser, "/login", credentials(sealed)))
	p.Clock.Advance(2 * time.Minute)
	for _, path := range []string{"/login", "/login/choose", "/login/forget", "/login/switch", "/login/identifier", "/consent"} {
		res := p.Post(t, browser, path, credentials(sealed))
		if wantPage(t, res, 400, expiredPage); !strings.Contains(res.Body, `href="`) {
			t.Errorf("%s: there is no way on", path)
		}
	}
}
