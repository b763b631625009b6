package myaccount_test

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// posts are the forms of the pages, each with something in it that is good.
func posts(carried string) map[string]url.Values {
	return map[string]url.Values{
		"/account/profile":                 mine("name", "Changed"),
		"/account/password":                mine("current", providertest.Password, "password", "a wholly new passphrase"),
		"/account/password/remove":         mine(),
		"/account/email":                   mine("email", "new@example.com"),
		"/account/email/verify":            mine(),
		"/account/email/again":             mine("carried", carried),
		"/account/email/code":              mine("carried", carried, "code", "AAAA-AAAA"),
		"/account/security/passkeys":       mine("carried", carried, "answer", "{}"),
		"/account/security/passkey":        mine("passkey", "AAAA", "name", "Changed"),
		"/account/security/passkey/remove": mine("passkey", "AAAA"),
		"/account/security/app":            mine("carried", carried, "code", "000000"),
		"/account/security/app/remove":     mine(),
		"/account/security/codes":          mine(),
		"/account/sessions/end":            mine("session", "x"),
		"/account/sessions/others":         mine(),
		"/account/apps/disconnect":         mine("app", providertest.ClientID),
		"/account/preferences":             mine("theme", "dark"),
		"/account/data/download":           mine(),
		"/account/delete":                  mine(),
	}
}

// fresh are those that need a recent sign-in. The others need none, or have another
// proof in them.
func fresh(path string) bool {
	return !slices.Contains([]string{
		"/account/profile", "/account/password", "/account/email/code", "/account/sessions/end",
		"/account/sessions/others", "/account/apps/disconnect", "/account/preferences",
	}, path)
}

// pages are the addresses of the pages.
func pages() []string {
	return []string{
		"/account", "/account/profile", "/account/password", "/account/email", "/account/security", "/account/security/app",
		"/account/sessions", "/account/apps", "/account/activity", "/account/preferences", "/account/data", "/account/delete",
	}
}

// A session that is none any more changes nothing, and who it was has to sign in: by
// whatever it ended.
func TestStaleSessionsChangeNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for reason, end := range map[string]func(){
			"ended": func() {
				if _, err := p.Store.EndSessions(t.Context(), sessionsOf(t, p, providertest.UserID), p.Clock.Now()); err != nil {
					t.Fatal(err)
				}
			},
			"disabled": func() { p.ChangeUser(t, func(u *storage.User) { u.DisabledAt = p.Clock.Now() }) },
			"another password": func() {
				p.ChangeUser(t, func(u *storage.User) { u.PasswordHash += " " })
			},
			"to be deleted": func() {
				at := p.Clock.Now().Add(time.Hour)
				err := p.Store.Apply(t.Context(), storage.Write{
					Key: "a key", Now: p.Clock.Now(), Change: &storage.UserChange{UserID: providertest.UserID, DeletesAt: &at},
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			"expired": func() { p.Clock.Advance(p.Config.Lifetimes.BrowserSession + time.Second) },
		} {
			original := user(t, p)
			browser := signedIn(t, p)
			carried := value(t, p.Get(t, browser, "/account/security/app"), "carried")
			end()
			before, happened := user(t, p), events(t, p)
			for path, form := range posts(carried) {
				res := p.Post(t, browser, path, form)
				if to := res.Header.Get("Location"); !strings.HasPrefix(to, p.Config.Issuer+"/authorize?") {
					t.Errorf("%s, %s: status %d, to %q", reason, path, res.StatusCode, to)
				}
			}
			for _, path := range pages() {
				wantDoor(t, p, p.Get(t, browser, path), path)
			}
			if diff := cmp.Diff(before, user(t, p)); diff != "" {
				t.Errorf("%s (-before +after):\n%s", reason, diff)
			}
			if diff := cmp.Diff(happened, events(t, p)); diff != "" {
				t.Errorf("%s, events (-before +after):\n%s", reason, diff)
			}
			stay := time.Time{}
			p.ChangeUser(t, func(u *storage.User) { *u = original })
			if err := p.Store.Apply(t.Context(), storage.Write{
				Key: "another key", Now: p.Clock.Now(), Change: &storage.UserChange{UserID: providertest.UserID, DeletesAt: &stay},
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What could take the account away from its owner needs a sign-in a moment ago.
func TestSensitiveChangesNeedARecentSignIn(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	carried := value(t, p.Get(t, browser, "/account/security/app"), "carried")
	p.Clock.Advance(p.Config.Accounts.FreshFor)
	for _, path := range pages() {
		if res := p.Get(t, browser, path); res.StatusCode != http.StatusOK {
			t.Errorf("%s, in time: status %d", path, res.StatusCode)
		}
	}
	p.Clock.Advance(time.Second)
	before := user(t, p)
	for path, form := range posts(carried) {
		if !fresh(path) {
			continue
		}
		res := p.Post(t, browser, path, form)
		to, q := res.Redirect(t)
		if to != p.Config.Issuer+"/authorize" || q.Get("max_age") != "300" || q.Get("login_hint") != providertest.Username {
			t.Errorf("%s: status %d, to %s with %v", path, res.StatusCode, to, q)
		}
	}
	if diff := cmp.Diff(before, user(t, p)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	for _, path := range []string{"/account/email", "/account/security", "/account/security/app", "/account/data", "/account/delete"} {
		wantDoor(t, p, p.Get(t, browser, path), path)
	}
	// What was entered is there again after the sign-in, and nothing secret of it.
	res := p.Post(t, browser, "/account/email", mine("email", "kept@example.com", "password", "never kept"))
	page := follow(t, p, browser, res, providertest.Username)
	if got := value(t, page, "email"); got != "kept@example.com" || strings.Contains(page.Body, "never kept") {
		t.Errorf("the address is %q", got)
	}
}

// A form is about whoever it was shown to, and only they are asked and changed: not
// whoever has signed in in the browser since.
func TestFormsAreOfWhomTheyWereShownTo(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		addBo(t, p)
		browser := signedIn(t, p)
		switched := p.Get(t, browser, "/authorize?"+url.Values{
			"client_id": {"gatelodge-account"}, "response_type": {"none"}, "scope": {"openid"}, "prompt": {"login"},
			"redirect_uri": {p.Config.Issuer + "/account"},
		}.Encode())
		wantPage(t, follow(t, p, browser, switched, "bo@example.com"), http.StatusOK, "Bo Other")
		wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "Switch account")

		res := p.Post(t, browser, "/account/profile", mine("name", "Alex Changed"))
		page := wantBack(t, p, browser, res, "/account/profile")
		wantPage(t, page, http.StatusOK, "Your profile is saved")
		if value(t, page, "account") != providertest.UserID || value(t, page, "name") != "Alex Changed" {
			t.Errorf("the page is somebody else's: %s", page.Body)
		}
		bo, err := p.Store.FindUser(t.Context(), "bo")
		if err != nil || bo.Claims.Name != "Bo Other" {
			t.Errorf("Bo is %q: %v", bo.Claims.Name, err)
		}
		// Signing out is for one of them as well.
		out := regexp.MustCompile(`href="(/end_session\?logout_hint=[^"]+)"`).FindStringSubmatch(page.Body)
		asked := p.Get(t, browser, html.UnescapeString(out[1]))
		if !strings.Contains(asked.Body, "Alex Changed") || strings.Contains(asked.Body, "Bo Other") {
			t.Errorf("who is asked to sign out: %s", asked.Body)
		}
		// Of somebody who is not signed in here there is nothing to change.
		for _, account := range []string{"", "nobody", "bo\x00", strings.Repeat("a", 5000)} {
			res := p.Post(t, browser, "/account/profile", url.Values{"account": {account}, "name": {"Evil"}})
			if res.StatusCode == http.StatusOK || strings.HasSuffix(res.Header.Get("Location"), "/account/profile") {
				t.Errorf("%q: status %d, to %q", account, res.StatusCode, res.Header.Get("Location"))
			}
		}
		if got := user(t, p).Claims.Name; got != "Alex Changed" {
			t.Errorf("the name is %q", got)
		}
	})
}

// What a form names is the person's own, or is not there.
func TestThingsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	onEachLocal(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		addBo(t, p)
		bos := providertest.Browser(t)
		wantPage(t, follow(t, p, bos, p.Get(t, bos, "/account"), "bo@example.com"), http.StatusOK, "Bo Other")
		p.AddPasskey(t, "bo", p.Authenticator())
		session := sessionsOf(t, p, "bo")[0]
		has := p.Factors(t, "bo")
		browser := signedIn(t, p)
		id := b64(has.Passkeys[0].ID)
		for what, res := range map[string]providertest.Response{
			"a session":           p.Post(t, browser, "/account/sessions/end", mine("session", session)),
			"the own session":     p.Post(t, browser, "/account/sessions/end", mine("session", sessionsOf(t, p, providertest.UserID)[0])),
			"a passkey":           p.Get(t, browser, "/account/security/passkey?passkey="+id),
			"a passkey's name":    p.Post(t, browser, "/account/security/passkey", mine("passkey", id, "name", "Evil")),
			"the end of one":      p.Post(t, browser, "/account/security/passkey/remove", mine("passkey", id)),
			"an app":              p.Post(t, browser, "/account/apps/disconnect", mine("app", providertest.PublicID)),
			"no authenticator":    p.Post(t, browser, "/account/security/app/remove", mine()),
			"nothing at all":      p.Post(t, browser, "/account/sessions/end", mine()),
			"a passkey, not text": p.Post(t, browser, "/account/security/passkey/remove", mine("passkey", "\xff")),
		} {
			if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: status %d, to %q", what, res.StatusCode, res.Header.Get("Location"))
			}
		}
		if diff := cmp.Diff(has, p.Factors(t, "bo")); diff != "" {
			t.Errorf("Bo's factors (-before +after):\n%s", diff)
		}
		if got := sessionsOf(t, p, "bo"); !slices.Equal(got, []string{session}) {
			t.Errorf("Bo's sessions: %v", got)
		}
		for _, path := range pages() {
			if page := p.Get(t, browser, path); strings.Contains(page.Body, "Bo Other") || strings.Contains(page.Body, session) {
				t.Errorf("%s shows Bo", path)
			}
		}
	})
}

// Another site's form changes nothing, and no page is framed, cached or indexed.
func TestOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	before, happened := user(t, p), events(t, p)
	for path, form := range posts("") {
		for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(name, value)
			if res := providertest.Do(t, browser, r); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s with %s: status %d", path, name, res.StatusCode)
			}
		}
		p.Get(t, browser, path+"?"+form.Encode()) // a link is no form
	}
	if diff := cmp.Diff(before, user(t, p)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(happened, events(t, p)); diff != "" {
		t.Errorf("events (-before +after):\n%s", diff)
	}
	for _, path := range pages() {
		h := p.Get(t, browser, path).Header
		if h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("X-Robots-Tag") != "noindex" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "form-action 'self';") {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// Whoever comes back to the address of a form, by the back button or the history, is
// on a page, and not at a dead end.
func TestAddressOfAFormIsNoDeadEnd(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	for path := range posts("") {
		res := p.Get(t, browser, path)
		if to, ours := strings.CutPrefix(res.Header.Get("Location"), p.Config.Issuer); res.StatusCode == http.StatusSeeOther && ours {
			res = p.Get(t, browser, to)
		}
		if path == "/account/security/passkey" { // which one?
			wantPage(t, res, http.StatusNotFound, "")
			continue
		}
		wantPage(t, res, http.StatusOK, "Alex Sample")
	}
}

// An outage is no refusal: what was entered is there still, and nobody is signed out.
func TestOutageKeepsWhatWasEntered(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	p := providertest.New(t, providertest.Options{Store: providertest.Postgres(t, server.URL("postgres"), nil)})
	browser := signedIn(t, p)
	before := token(t, p, browser)
	p.Clock.Advance(time.Minute)
	server.Stop()
	for path, form := range posts("x") {
		res := p.Post(t, browser, path, form)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || len(res.Cookies()) > 0 {
			t.Errorf("%s: status %d, %v", path, res.StatusCode, res.Header)
		}
	}
	for _, path := range pages() {
		if res := p.Get(t, browser, path); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	for path, entered := range map[string][2]string{
		"/account/profile": {"name", "Kept"}, "/account/email": {"email", "kept@example.com"}, "/account/security/passkey": {"name", "Kept"},
	} {
		page := p.Post(t, browser, path, mine(entered[0], entered[1]))
		if got := value(t, page, entered[0]); got != entered[1] || value(t, page, "account") != providertest.UserID {
			t.Errorf("%s: %q is kept", path, got)
		}
	}
	server.Start(t)
	wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "Alex Sample")
	if token(t, p, browser) != before {
		t.Error("the outage has changed the session")
	}
	wantBack(t, p, browser, p.Post(t, browser, "/account/profile", mine("name", "Kept")), "/account/profile")
}

// Latency is round trips: a page takes two at most, and a change three. Beyond that
// are a mail that has to be sent, and the download, which collects everything.
func TestPagesKeepToTheirRoundTrips(t *testing.T) {
	t.Parallel()
	var trips storagetest.RoundTrips
	p := providertest.New(t, providertest.Options{
		Store: providertest.Postgres(t, pgtest.NewDatabase(t), &trips), Configure: local,
	})
	p.StopLogouts() // which asks by itself
	within := func(what string, budget int, request func() providertest.Response) providertest.Response {
		t.Helper()
		trips.Reset()
		res := request()
		if n := trips.Count(); n > budget {
			t.Errorf("%s takes %d round trips, the budget is %d", what, n, budget)
		}
		if res.StatusCode >= http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", what, res.StatusCode, res.Body)
		}
		return res
	}
	browser := signedIn(t, p)
	p.Tokens(t)
	for _, path := range pages() {
		p.Clock.Advance(time.Second)
		within(path, 2, func() providertest.Response { return p.Get(t, browser, path) })
	}
	within("a page for nobody", 0, func() providertest.Response { return p.Get(t, providertest.Browser(t), "/account") })
	post := func(path string, budget int, form url.Values) providertest.Response {
		t.Helper()
		return within(path, budget, func() providertest.Response { return p.Post(t, browser, path, form) })
	}
	post("/account/profile", 2, mine("name", "Alex"))
	p.Clock.Advance(time.Second)
	post("/account/preferences", 2, mine("theme", "dark"))
	post("/account/password", 3, mine("current", providertest.Password, "password", "a wholly new passphrase"))
	post("/account/sessions/others", 3, mine())
	post("/account/apps/disconnect", 3, mine("app", providertest.ClientID))
	page := p.Get(t, browser, "/account/security/app")
	app := providertest.AppOf(t, page)
	post("/account/security/app", 3, mine("carried", value(t, page, "carried"), "code", app.Code(p.Clock.Now())))
	post("/account/security/codes", 3, mine())
	page = p.Get(t, browser, "/account/security")
	key := p.Authenticator()
	post("/account/security/passkeys", 3, mine("carried", value(t, page, "carried"), "answer", key.Create(t, page.PasskeyOptions(t, "create"))))
	id := b64(p.Factors(t, providertest.UserID).Passkeys[0].ID)
	post("/account/security/passkey", 3, mine("passkey", id, "name", "Phone"))
	post("/account/security/passkey/remove", 3, mine("passkey", id))
	post("/account/security/app/remove", 3, mine())
	page = post("/account/email", 4, mine("email", "new@example.com"))
	code := p.Mail(t, "new@example.com").Code
	post("/account/email/code", 3, mine("carried", value(t, page, "carried"), "code", code))
	post("/account/data/download", 6, mine())
	post("/account/delete", 2, mine())
}

// The same form, sent twice at once, is one change, and nobody is signed out by it.
func TestDoubleSubmitIsOneChange(t *testing.T) {
	t.Parallel()
	onEachLocal(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		page := p.Get(t, browser, "/account/security")
		form := mine("carried", value(t, page, "carried"), "answer", p.Authenticator().Create(t, page.PasskeyOptions(t, "create")))
		added := 0
		for _, res := range providertest.Parallel(8, func(int) providertest.Response {
			return p.Post(t, browser, "/account/security/passkeys", form)
		}) {
			if strings.Contains(res.Body, "Your passkey is added") {
				added++
			}
			if res.StatusCode >= http.StatusInternalServerError {
				t.Errorf("status %d: %s", res.StatusCode, res.Body)
			}
		}
		if has := p.Factors(t, providertest.UserID); added != 1 || len(has.Passkeys) != 1 || has.RecoveryCodes != 10 {
			t.Errorf("%d were added: %+v", added, has)
		}
		wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "1 passkey")
	})
}

// A change is in the log by its name and whose it was, and nothing of what was entered.
func TestChangesAreLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := providertest.New(t, providertest.Options{Log: &log})
	browser := signedIn(t, p)
	page := p.Get(t, browser, "/account/security/app")
	app := providertest.AppOf(t, page)
	carried, code := value(t, page, "carried"), app.Code(p.Clock.Now())
	added := p.Post(t, browser, "/account/security/app", mine("carried", carried, "code", code))
	const chosen = "a wholly new passphrase"
	p.Post(t, browser, "/account/password", mine("current", providertest.Password, "password", chosen))
	session := token(t, p, browser)
	p.Close() // whose last line is written after the answer
	lines := log.String()
	for _, line := range []string{`"event":"totp added"`, `"event":"password changed"`, `"sub":"` + providertest.UserID + `"`} {
		if !strings.Contains(lines, line) {
			t.Errorf("the log does not say %s", line)
		}
	}
	for _, secret := range []string{providertest.Password, chosen, carried, `"` + code, added.RecoveryCodes()[0], session, providertest.Username} {
		if strings.Contains(lines, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// Of changes at once, each of which gives the session another token, none leaves the
// browser with one that is worth nothing.
func TestParallelChangesSignNobodyOut(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		app, _ := p.AddApp(t, providertest.UserID)
		proves(t, p, browser, "code", func(providertest.Response) string { return app.Code(p.Clock.Now()) }, "/account/security")
		made := 0
		for _, res := range providertest.Parallel(8, func(int) providertest.Response {
			return p.Post(t, browser, "/account/security/codes", mine())
		}) {
			if len(res.RecoveryCodes()) == 10 {
				made++
			} else {
				wantDoor(t, p, res, "/account/security")
			}
		}
		if made != 1 {
			t.Errorf("codes were made %d times", made)
		}
		wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "Alex Sample")
	})
}
