package authorize_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// Requests that are abandoned cost nothing: until somebody signs in, no byte of
// the database changes.
func TestNothingIsStoredBeforeSignIn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatelodge.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := providertest.New(t, providertest.Options{Store: db})
	stored := func() string { return content(t, path) + content(t, path+"-wal") }
	before := stored()
	for range 10 {
		browser := providertest.Browser(t)
		sealed := wantLogin(t, p.Authorize(t, browser, params()))
		p.Authorize(t, browser, params("prompt", "none"))
		p.Authorize(t, browser, params("client_id", "unknown"))
		p.Post(t, browser, "/authorize", params())
		p.Post(t, browser, "/login/switch", url.Values{"request": {sealed}})
		p.Post(t, browser, "/consent", decision(sealed, "allow"))
		p.Post(t, browser, "/login", credentials("altered"))
	}
	if stored() != before {
		t.Error("the database has changed")
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Tabs that are opened, signed in and agreed in at the same time all end at the
// client.
func TestTenTabsAllEndAtTheClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	const tabs = 10
	opened := providertest.Parallel(tabs, func(int) providertest.Response { return p.Authorize(t, browser, params()) })
	signedIn := providertest.Parallel(tabs, func(i int) providertest.Response {
		return p.Post(t, browser, "/login", credentials(opened[i].Pending(t)))
	})
	agreed := providertest.Parallel(tabs, func(i int) providertest.Response {
		return p.Post(t, browser, "/consent", decision(signedIn[i].Pending(t), "allow"))
	})
	codes := map[string]bool{}
	for _, res := range agreed {
		codes[wantCode(t, res)] = true
	}
	if len(codes) != tabs {
		t.Errorf("%d codes, want %d", len(codes), tabs)
	}
}

// The pages that the back button shows work as often as they are sent.
func TestBackButton(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	login := wantLogin(t, p.Authorize(t, browser, params()))
	consent := wantConsent(t, p.Post(t, browser, "/login", credentials(login)))
	first := wantCode(t, p.Post(t, browser, "/consent", decision(consent, "allow")))
	second := wantCode(t, p.Post(t, browser, "/consent", decision(consent, "allow")))
	third := wantCode(t, p.Post(t, browser, "/login", credentials(login)))
	fourth := wantCode(t, p.Post(t, browser, "/consent", decision(consent, "allow")))
	for _, code := range []string{first, second, third, fourth} {
		p.Granted(t, providertest.CodeForm(code))
	}
}

// A flow that began in one browser cannot be finished in another: nobody can make
// somebody else sign in to, or agree with, their own request.
func TestPagesOfAnotherBrowserAreRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, consent := consentPage(t, p)
	login := wantLogin(t, p.Authorize(t, providertest.Browser(t), params()))

	bound, bare := signedIn(t, p), providertest.Browser(t)
	for _, browser := range []*http.Client{bound, bare} {
		wantPage(t, p.Post(t, browser, "/login", credentials(login)), 400, expiredPage)
		wantPage(t, p.Post(t, browser, "/login/switch", url.Values{"request": {login}}), 400, expiredPage)
		wantPage(t, p.Post(t, browser, "/consent", decision(consent, "allow")), 400, expiredPage)
	}
	if cookie(t, p, bare, sessionCookie) != "" {
		t.Error("a refused page has signed somebody in")
	}
}

func TestAlteredPagesAreRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	sealed := wantLogin(t, p.Authorize(t, browser, params("prompt", "login", "max_age", "0")))
	for name, altered := range map[string]string{
		"none":           "",
		"first byte":     flip(sealed, 0),
		"in the nonce":   flip(sealed, 20),
		"in the middle":  flip(sealed, len(sealed)/2),
		"in the tag":     flip(sealed, len(sealed)-3),
		"cut":            sealed[:len(sealed)-4],
		"twice":          sealed + sealed,
		"short":          "AAAA",
		"no base64":      "?" + sealed[1:],
		"another cookie": cookie(t, p, browser, deviceCookie),
		"the request":    params().Encode(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantPage(t, p.Post(t, browser, "/login", credentials(altered)), 400, expiredPage)
			wantPage(t, p.Post(t, browser, "/consent", decision(altered, "allow")), 400, expiredPage)
		})
	}
}

func flip(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// A long lunch is no reason to begin again, forgetting about it is.
func TestPagesExpire(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	login := wantLogin(t, p.Authorize(t, browser, params()))
	p.Clock.Advance(p.Config.Lifetimes.Request)
	// The steps of one request have one lifetime together.
	consent := wantConsent(t, p.Post(t, browser, "/login", credentials(login)))
	p.Clock.Advance(time.Second)
	wantPage(t, p.Post(t, browser, "/login", credentials(login)), 400, expiredPage)
	wantPage(t, p.Post(t, browser, "/consent", decision(consent, "allow")), 400, expiredPage)
}

// Replacing the secret sends nobody back to the start, until the previous one is
// forgotten.
func TestPagesOutliveTheirSecret(t *testing.T) {
	t.Parallel()
	store := providertest.SQLite(t)
	const next = "the next master secret for tests, 32 bytes or more"
	before := providertest.New(t, providertest.Options{Store: store})
	browser := providertest.Browser(t) // cookies ignore ports: all three are one host to it
	sealed := wantLogin(t, before.Authorize(t, browser, params()))

	both := providertest.New(t, providertest.Options{
		Store: store, Secrets: providertest.Secrets(t, next, providertest.MasterSecret),
	})
	consent := wantConsent(t, both.Post(t, browser, "/login", credentials(sealed)))
	wantCode(t, both.Post(t, browser, "/consent", decision(consent, "allow")))

	after := providertest.New(t, providertest.Options{Secrets: providertest.Secrets(t, next)})
	wantPage(t, after.Post(t, browser, "/login", credentials(sealed)), 400, expiredPage)
}

// OpenID Connect Core §3.1.2.1: a request may be a form of another site, with which
// a SameSite=Lax cookie does not come. RFC 9700 §4.12: the redirect makes it a GET.
func TestPostedRequestBecomesAGet(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	sent := params("state", "a&b=c#d é%2B+")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/authorize", strings.NewReader(sent.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res := providertest.Do(t, browser, r)
	to, q := res.Redirect(t)
	if res.StatusCode != http.StatusSeeOther || to != p.Config.Issuer+"/authorize" || q.Encode() != sent.Encode() {
		t.Fatalf("status %d to %s with %v", res.StatusCode, to, q)
	}
	res = p.Get(t, browser, "/authorize?"+q.Encode())
	wantCode(t, res)
	if _, q := res.Redirect(t); q.Get("state") != sent.Get("state") {
		t.Errorf("state is %q", q.Get("state"))
	}
}

// RFC 6749 §3.1.
func TestPostedRequestIsAForm(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, test := range map[string]struct{ media, body string }{
		"JSON":                 {"application/json", `{"client_id":"web"}`},
		"multipart":            {"multipart/form-data; boundary=x", "--x--"},
		"no type":              {"", params().Encode()},
		"not encoded properly": {"application/x-www-form-urlencoded", "client_id=%zz"},
		"too long":             {"application/x-www-form-urlencoded", params("state", strings.Repeat("s", 9000)).Encode()},
		"far too long":         {"application/x-www-form-urlencoded", strings.Repeat("s", 70_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/authorize", strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Content-Type"] = []string{test.media}
			wantPage(t, providertest.Do(t, providertest.Browser(t), r), 400, invalidPage)
		})
	}
}

// What fits into the address fits into the page, too.
func TestLongestRequestCanBeFinished(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	length := func(state string) int { return len(params("state", state).Encode()) }
	const limit = 8 << 10
	for _, filling := range []string{"s", "&", "é", "\x01"} {
		state := strings.Repeat(filling, (limit-length("-"))/(length("-"+filling)-length("-"))-1)
		browser := providertest.Browser(t)
		res := p.SignIn(t, browser, params("state", state))
		wantCode(t, res)
		if _, q := res.Redirect(t); q.Get("state") != state {
			t.Errorf("%q: state is not as sent", filling)
		}
		wantPage(t, p.Authorize(t, browser, params("state", strings.Repeat("s", limit))), 400, "too long")
	}
}

func TestAnotherAccountCanBeUsed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	addBo(t, p)
	browser, sealed := consentPage(t, p)
	sealed = wantLogin(t, p.Post(t, browser, "/login/switch", url.Values{"request": {sealed}}))
	asBo := credentials(sealed)
	asBo.Set("username", "bo")
	sealed = wantConsent(t, p.Post(t, browser, "/login", asBo))
	code := wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
	if got := p.GrantOf(t, code).UserID; got != "bo" {
		t.Errorf("the code is %s's", got)
	}
}

// Whoever reloads the address that a form was sent to is told what to do.
func TestAddressOfAFormAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, path := range []string{"/login", "/login/switch", "/consent"} {
		wantPage(t, p.Get(t, providertest.Browser(t), path), 400, expiredPage)
	}
}
