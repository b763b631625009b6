package myaccount_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// sessionsOf are the ids of the sessions of a user that live.
func sessionsOf(t *testing.T, p *providertest.Provider, userID string) []string {
	t.Helper()
	found, err := p.Store.ListSessions(t.Context(), userID, p.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range found {
		ids = append(ids, s.ID)
	}
	return ids
}

// OpenID Connect Back-Channel Logout: clients hear of a session that is ended here.
func TestSessionsAreEnded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		here := signedIn(t, p)
		own := sessionsOf(t, p, providertest.UserID)[0]
		there := providertest.Browser(t)
		tokens := p.Granted(t, providertest.CodeForm(p.Code(t, there, providertest.AuthorizeParams(map[string]string{"scope": "openid"}))))
		others := slices.DeleteFunc(sessionsOf(t, p, providertest.UserID), func(id string) bool { return id == own })

		page := p.Get(t, here, "/account/sessions")
		if n := strings.Count(page.Body, "This device"); n != 1 || strings.Contains(page.Body, own) || !strings.Contains(page.Body, others[0]) {
			t.Errorf("%d are this device: %s", n, page.Body)
		}
		res := p.Post(t, here, "/account/sessions/end", mine("session", others[0]))
		wantPage(t, wantBack(t, p, here, res, "/account/sessions"), http.StatusOK, "That device is signed out")
		if p.Works(t, tokens) {
			t.Error("what was granted in the session is still good")
		}
		if got := sessionsOf(t, p, providertest.UserID); !slices.Equal(got, []string{own}) {
			t.Errorf("sessions %v, want %s", got, own)
		}
		for range 3 {
			signedIn(t, p)
		}
		res = p.Post(t, here, "/account/sessions/others", mine())
		wantPage(t, wantBack(t, p, here, res, "/account/sessions"), http.StatusOK, "All other devices are signed out")
		if got := sessionsOf(t, p, providertest.UserID); !slices.Equal(got, []string{own}) {
			t.Errorf("sessions %v, want %s", got, own)
		}
		if !slices.Contains(events(t, p), "session_ended") {
			t.Errorf("no record: %v", events(t, p))
		}
	})
}

func TestAppsAreDisconnected(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		tokens := p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(
			map[string]string{"scope": "openid profile offline_access " + providertest.APIScope}))))
		browser := signedIn(t, p)
		page := p.Get(t, browser, "/account/apps")
		for _, text := range []string{"Sample App", "Read your notes", "See your name", "Keep this access while you are away"} {
			if !strings.Contains(page.Body, text) {
				t.Errorf("the page does not say %q: %s", text, page.Body)
			}
		}
		res := p.Post(t, browser, "/account/apps/disconnect", mine("app", providertest.ClientID))
		page = wantBack(t, p, browser, res, "/account/apps")
		wantPage(t, page, http.StatusOK, "no access to your account any more")
		if strings.Contains(page.Body, "Sample App") {
			t.Error("it is listed still")
		}
		p.Ended(t, tokens)
		activity := p.Get(t, browser, "/account/activity")
		wantPage(t, activity, http.StatusOK, "Access of Sample App removed")
		wantPage(t, p.Post(t, browser, "/account/apps/disconnect", mine("app", providertest.ClientID)), http.StatusNotFound, "")
		wantPage(t, p.Post(t, browser, "/account/apps/disconnect", mine("app", "nobody")), http.StatusNotFound, "")
	})
}

func TestActivityIsPaged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		var write storage.Write
		for i := range 120 {
			write.Activity = append(write.Activity, storage.Activity{
				ID: fmt.Sprint(i), UserID: providertest.UserID, Event: "signed_in", Network: fmt.Sprintf("event-%03d", i),
				At: p.Clock.Now().Add(-time.Duration(i+1) * time.Minute),
			})
		}
		write.Key, write.Now = "a key", p.Clock.Now()
		if err := p.Store.Apply(t.Context(), write); err != nil {
			t.Fatal(err)
		}
		var seen []string
		path := "/account/activity"
		for range 4 {
			page := p.Get(t, browser, path)
			wantPage(t, page, http.StatusOK, "Activity")
			seen = append(seen, regexp.MustCompile(`event-\d+`).FindAllString(page.Body, -1)...)
			older := regexp.MustCompile(`href="(/account/activity\?before=[^"]*)"`).FindStringSubmatch(page.Body)
			if older == nil {
				break
			}
			path = older[1]
		}
		if len(seen) != 120 || seen[0] != "event-000" || seen[119] != "event-119" {
			t.Errorf("saw %d: %v", len(seen), seen)
		}
		for _, before := range []string{"x", "2026-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "%00"} {
			wantPage(t, p.Get(t, browser, "/account/activity?before="+before), http.StatusOK, "Activity")
		}
	})
}

// The download has everything, and nothing that anybody could sign in with.
func TestDownloadHasNoSecrets(t *testing.T) {
	t.Parallel()
	onEachLocal(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		p.Tokens(t)
		app, codes := p.AddApp(t, providertest.UserID)
		p.AddPasskey(t, providertest.UserID, p.Authenticator())
		proves(t, p, browser, "code", func(providertest.Response) string { return app.Code(p.Clock.Now()) }, "/account/data")
		res := p.Post(t, browser, "/account/data/download", mine())
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment;") {
			t.Fatalf("status %d, %v", res.StatusCode, res.Header)
		}
		got := res.JSON(t)
		for name, n := range map[string]int{"passkeys": 1, "applications": 1, "sessions": 2} {
			if list, _ := got[name].([]any); len(list) != n {
				t.Errorf("%s: %v", name, got[name])
			}
		}
		if got["sub"] != providertest.UserID || got["recovery_codes_left"] != 10.0 || got["authenticator_app_since"] == nil {
			t.Errorf("got %s", res.Body)
		}
		u := user(t, p)
		salt, _ := json.Marshal(u.PairwiseSalt)
		for what, secret := range map[string]string{
			"the password's hash": u.PasswordHash, "the salt": string(salt), "the app's secret": string(app.Secret),
			"a recovery code": codes[0], "a session": token(t, p, browser), "a session's id": sessionsOf(t, p, u.ID)[0],
		} {
			if strings.Contains(res.Body, secret) {
				t.Errorf("%s is in it", what)
			}
		}
		if !slices.Contains(events(t, p), "data_downloaded") {
			t.Errorf("no record: %v", events(t, p))
		}
	})
}

func TestAccountIsDeletedAfterAWhile(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser, elsewhere := signedIn(t, p), signedIn(t, p)
		tokens := p.Tokens(t)
		wantPage(t, p.Get(t, browser, "/account/delete"), http.StatusOK, "Delete your account?")
		wantPage(t, p.Post(t, browser, "/account/delete", mine()), http.StatusOK, "Your account will be deleted")
		p.Ended(t, tokens)
		for _, b := range []*http.Client{browser, elsewhere} {
			wantDoor(t, p, p.Get(t, b, "/account"), "/account")
		}
		if m := p.Mail(t, providertest.Username); !strings.Contains(m.Subject, "deleted") {
			t.Errorf("the person was told %q", m.Subject)
		}
		p.Clock.Advance(p.Config.Accounts.DeletionGrace - time.Second)
		p.CleanUp(t)
		page := enter(t, p, browser, "/account")
		wantPage(t, page, http.StatusOK, "Keep your account?")
		wantPage(t, p.Post(t, browser, "/login/keep", url.Values{"request": {page.Pending(t)}, "decision": {"delete"}}),
			http.StatusOK, "Your account will be deleted")
		p.Clock.Advance(2 * time.Second)
		// It is gone, whether it has been cleaned up or not.
		wantPage(t, enterOnce(t, p, "/account"), http.StatusUnprocessableEntity, "do not match")
		p.CleanUp(t)
		if _, err := p.Store.FindUser(t.Context(), providertest.UserID); err == nil {
			t.Error("the account is there still")
		}
	})
}

// enterOnce tries to sign the fixture's person in and returns the answer.
func enterOnce(t *testing.T, p *providertest.Provider, path string) providertest.Response {
	t.Helper()
	browser := providertest.Browser(t)
	_, q := p.Get(t, browser, path).Redirect(t)
	page := p.Authorize(t, browser, q)
	return p.Post(t, browser, "/login", url.Values{
		"request": {page.Pending(t)}, "username": {providertest.Username}, "password": {providertest.Password},
	})
}

func TestAccountIsKept(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		p.Tokens(t) // the application needs no consent any more
		wantPage(t, p.Post(t, browser, "/account/delete", mine()), http.StatusOK, "will be deleted")

		page := p.SignIn(t, browser, providertest.AuthorizeParams(nil))
		wantPage(t, page, http.StatusOK, "Keep your account?")
		_, q := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{"prompt": "none"})).Redirect(t)
		if q.Get("error") != "interaction_required" {
			t.Errorf("without the person: %v", q)
		}
		wantDoor(t, p, p.Get(t, browser, "/account/profile"), "/account/profile")
		res := p.Post(t, browser, "/login/keep", url.Values{"request": {page.Pending(t)}, "decision": {"keep"}})
		if _, q := res.Redirect(t); q.Get("code") == "" {
			t.Errorf("no code: %v", q)
		}
		if at := user(t, p).DeletesAt; !at.IsZero() {
			t.Errorf("it goes at %v", at)
		}
		if !slices.Contains(events(t, p), "deletion_cancelled") {
			t.Errorf("no record: %v", events(t, p))
		}
		wantPage(t, p.Get(t, browser, "/account/profile"), http.StatusOK, "Profile")
		p.Clock.Advance(p.Config.Accounts.DeletionGrace + time.Hour)
		p.CleanUp(t)
		user(t, p)
	})
}

func TestEmailIsChangedOnceItIsProved(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		wantPage(t, p.Post(t, browser, "/account/email", mine("email", "not an address")), http.StatusUnprocessableEntity, `value="not an address"`)
		page := p.Post(t, browser, "/account/email", mine("email", "new@example.com"))
		wantPage(t, page, http.StatusOK, "Check your mail")
		if got := user(t, p).Claims.Email; got != providertest.Username {
			t.Errorf("it is %s before it was proved", got)
		}
		form := mine("carried", value(t, page, "carried"))
		wrong := p.Post(t, browser, "/account/email/code", providertest.With(form, "code", "AAAA-AAAA"))
		wantPage(t, wrong, http.StatusUnprocessableEntity, `aria-invalid="true"`)
		code := p.Mail(t, "new@example.com").Code
		res := p.Post(t, browser, "/account/email/code", providertest.With(form, "code", strings.ToLower(code)))
		wantPage(t, wantBack(t, p, browser, res, "/account/email"), http.StatusOK, "Your email is confirmed")
		u := user(t, p)
		if u.Claims.Email != "new@example.com" || !u.Claims.EmailVerified || !slices.Contains(u.Identifiers, "new@example.com") ||
			slices.Contains(u.Identifiers, providertest.Username) {
			t.Errorf("got %+v", u)
		}
		if m := p.Mail(t, providertest.Username); !strings.Contains(m.Subject, "changed") {
			t.Errorf("the old address was told %q", m.Subject)
		}
		again := p.Post(t, browser, "/account/email/code", providertest.With(form, "code", code))
		wantPage(t, again, http.StatusUnprocessableEntity, `role="alert"`)
	})
}

// Whether an address is somebody's already is for nobody to know.
func TestAddressOfSomebodyElseLooksLikeAnyOther(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	addBo(t, p)
	browser := signedIn(t, p)
	same := func(email string) string {
		page := p.Post(t, browser, "/account/email", mine("email", email))
		wantPage(t, page, http.StatusOK, "Check your mail")
		body := strings.ReplaceAll(page.Body, email, "EMAIL")
		return strings.ReplaceAll(body, value(t, page, "carried")[:40], "")[:600]
	}
	if same("free@example.com") != same("bo@example.com") {
		t.Error("the pages differ")
	}
	if got := user(t, p).Claims.Email; got != providertest.Username {
		t.Errorf("the address is %s", got)
	}
}

func TestAddressIsVerified(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeUser(t, func(u *storage.User) { u.Claims.EmailVerified = false })
	browser := signedIn(t, p)
	wantPage(t, p.Get(t, browser, "/account"), http.StatusOK, "Not verified")
	page := p.Post(t, browser, "/account/email/verify", mine())
	p.Mail(t, providertest.Username) // which is the latest then
	page = p.Post(t, browser, "/account/email/again", mine("carried", value(t, page, "carried")))
	wantPage(t, page, http.StatusOK, "Check your mail")
	res := p.Post(t, browser, "/account/email/code", mine("carried", value(t, page, "carried"), "code", p.Mail(t, providertest.Username).Code))
	wantBack(t, p, browser, res, "/account/email")
	if !user(t, p).Claims.EmailVerified {
		t.Error("it is not verified")
	}
	wantPage(t, p.Post(t, browser, "/account/email/verify", mine()), http.StatusNotFound, "")
}
