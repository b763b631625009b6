package authorize_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/storage"
)

// attempt answers a fresh sign-in page.
func attempt(t *testing.T, p *providertest.Provider, browser *http.Client, username, password string) providertest.Response {
	t.Helper()
	sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	return p.Post(t, browser, "/login", url.Values{"request": {sealed}, "username": {username}, "password": {password}})
}

// wantDenied checks that the sign-in page is shown again with the one answer.
func wantDenied(t *testing.T, res providertest.Response) {
	t.Helper()
	wantPage(t, res, http.StatusUnprocessableEntity, denied)
}

// fail makes n attempts with a wrong password from browsers never seen before.
func fail(t *testing.T, p *providertest.Provider, n int, usernames ...string) {
	t.Helper()
	for i := range n {
		wantDenied(t, attempt(t, p, providertest.Browser(t), usernames[i%len(usernames)], "wrong"))
	}
}

// Whoever may not sign in learns nothing of the reason: not whether there is such
// an account, and not what has become of it.
func TestDenialsAreAlike(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	saveUser(t, p, "disabled", func(u *storage.User) { u.DisabledAt = p.Clock.Now() })
	saveUser(t, p, "passwordless", func(u *storage.User) { u.PasswordHash = "" })
	saveUser(t, p, "locked", func(*storage.User) {})
	fail(t, p, 11, "locked")
	want := page(t, attempt(t, p, providertest.Browser(t), "alex", "wrong"), "alex")
	for name, test := range map[string]struct{ username, password string }{
		"unknown":           {"nobody", "wrong"},
		"disabled":          {"disabled", providertest.Password},
		"passwordless":      {"passwordless", providertest.Password},
		"locked":            {"locked", providertest.Password},
		"no password":       {"alex", ""},
		"a long password":   {"alex", strings.Repeat("x", 2000)},
		"an odd identifier": {"alex\x01", providertest.Password},
		"a long identifier": {strings.Repeat("x", 300), providertest.Password},
	} {
		res := attempt(t, p, providertest.Browser(t), test.username, test.password)
		wantDenied(t, res)
		if diff := cmp.Diff(want, page(t, res, test.username)); diff != "" {
			t.Errorf("%s differs from a wrong password (-wrong +got):\n%s", name, diff)
		}
	}
}

var sealedRequest = regexp.MustCompile(`name="request" value="[^"]*"`)

// page is all that a visitor sees of an answer, but for what is different each time.
func page(t *testing.T, res providertest.Response, username string) string {
	t.Helper()
	header := res.Header.Clone()
	for _, name := range []string{"X-Request-Id", "Date", "Content-Length"} {
		header.Del(name)
	}
	body := sealedRequest.ReplaceAllString(res.Body, "")
	body = strings.Replace(body, `value="`+username+`"`, `value=""`, 1)
	return fmt.Sprint(res.StatusCode, header, body)
}

// One counter stands behind all the names of an account, however they are written.
func TestLockOutIsOfTheAccount(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	fail(t, p, 10, "alex", "ALEX", " alex@example.com", "Ａlex", "ALEX@EXAMPLE.COM ", "ａｌｅｘ@example.com")
	wantDenied(t, attempt(t, p, providertest.Browser(t), "alex", providertest.Password))
	addBo(t, p)
	wantConsent(t, attempt(t, p, providertest.Browser(t), "bo", providertest.Password))

	p.Clock.Advance(15*time.Minute + time.Second)
	wantConsent(t, attempt(t, p, providertest.Browser(t), "alex", providertest.Password))
}

// Attempts at the same moment, and at both doors, are counted like others.
func TestLockOutInParallel(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Grants.Password = true }})
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	wrong := providertest.With(credentials(sealed), "password", "wrong")
	grant := url.Values{"grant_type": {"password"}, "username": {"alex"}, "password": {"wrong"}, "scope": {"openid"}}
	for _, res := range providertest.Parallel(12, func(i int) providertest.Response {
		if i%2 == 0 {
			return p.Token(t, grant)
		}
		return p.Post(t, browser, "/login", wrong)
	}) {
		if res.StatusCode != http.StatusUnprocessableEntity && res.StatusCode != http.StatusBadRequest {
			t.Errorf("got %s", brief(res))
		}
	}
	wantDenied(t, attempt(t, p, browser, "alex", providertest.Password))
	providertest.InvalidGrant(t, p.Token(t, providertest.With(grant, "password", providertest.Password)))
}

// A stranger who locks an account does not lock out its owner, whose device is known.
func TestKnownDeviceGetsInWhileStrangersAreLockedOut(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	owner := signedIn(t, p)
	fail(t, p, 12, "alex")
	wantDenied(t, attempt(t, p, providertest.Browser(t), "alex", providertest.Password))
	wantCode(t, attempt(t, p, owner, "alex", providertest.Password))
	wantCode(t, attempt(t, p, owner, "Alex@Example.com", providertest.Password))

	// It is no way around the limit: not for the device, nor for another account.
	setSession(t, p, owner, "")
	for range 10 {
		wantDenied(t, attempt(t, p, owner, "alex", "wrong"))
	}
	wantDenied(t, attempt(t, p, owner, "alex", providertest.Password))
	addBo(t, p)
	fail(t, p, 10, "bo")
	wantDenied(t, attempt(t, p, owner, "bo", providertest.Password))
}

func TestSuccessClearsTheCount(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for range 3 {
		fail(t, p, 9, "alex")
		wantConsentOrCode(t, attempt(t, p, providertest.Browser(t), "alex", providertest.Password))
	}
}

func wantConsentOrCode(t *testing.T, res providertest.Response) {
	t.Helper()
	if res.StatusCode == http.StatusOK {
		wantConsent(t, res)
		return
	}
	wantCode(t, res)
}

// A network that guesses at many accounts is stopped; known devices are not. Who
// the network is, only a trusted proxy can say.
func TestLockOutIsOfTheNetwork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trusted []netip.Prefix
		open    bool
	}{
		"behind a proxy":     {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, true},
		"a header that lies": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
				c.HTTP.TrustedProxies = test.trusted
			}})
			addBo(t, p)
			here, there := headers{"X-Forwarded-For": "203.0.113.7"}, headers{"X-Forwarded-For": "203.0.113.8"}
			known, guesser := sending(signedIn(t, p), here), sending(providertest.Browser(t), here)
			other := sending(providertest.Browser(t), there)
			sealed := wantLogin(t, p.Authorize(t, guesser, params()))
			for i := range 101 {
				guess := url.Values{"request": {sealed}, "username": {fmt.Sprint("guess", i)}, "password": {"wrong"}}
				wantDenied(t, p.Post(t, guesser, "/login", guess))
			}
			wantDenied(t, attempt(t, p, guesser, "bo", providertest.Password))
			wantCode(t, attempt(t, p, known, "alex", providertest.Password))
			res := attempt(t, p, other, "bo", providertest.Password)
			if test.open {
				wantConsent(t, res)
			} else {
				wantDenied(t, res)
			}
		})
	}
}

// More sign-ins than can be hashed in time are told to try again, with the page
// that they have. None of them is denied.
func TestBusyIsNoDenial(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Argon2: account.Argon2{
		MemoryKiB: 32 << 10, Time: 2, Threads: 1, Concurrency: 1, QueueLimit: 1,
	}})
	browser := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	var busy *providertest.Response
	for _, res := range providertest.Parallel(20, func(int) providertest.Response {
		return p.Post(t, browser, "/login", credentials(sealed))
	}) {
		switch res.StatusCode {
		case http.StatusOK:
			wantConsent(t, res)
		default:
			wantPage(t, res, http.StatusServiceUnavailable, "try again")
			busy = &res
		}
	}
	if busy == nil {
		t.Fatal("20 sign-ins at once were not too many for room for 2")
	}
	if busy.Header.Get("Retry-After") == "" || len(busy.Cookies()) > 0 || strings.Contains(busy.Body, denied) {
		t.Errorf("got %v: %s", busy.Header, busy.Body)
	}
	wantConsent(t, p.Post(t, browser, "/login", credentials(busy.Pending(t))))
}
