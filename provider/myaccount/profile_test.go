package myaccount_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func TestProfileIsChanged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		before := user(t, p)
		p.Clock.Advance(time.Second)
		res := p.Post(t, browser, "/account/profile", mine(
			"name", "  Zoë Sample ", "given_name", "Zoë", "family_name", "Sample", "nickname", "", "zoneinfo", "Europe/Berlin"))
		wantPage(t, wantBack(t, p, browser, res, "/account/profile"), http.StatusOK, "Your profile is saved")
		want := before.Claims
		want.Name, want.GivenName, want.FamilyName, want.Zoneinfo = "Zoë Sample", "Zoë", "Sample", "Europe/Berlin"
		got := user(t, p)
		if diff := cmp.Diff(want, got.Claims); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !got.UpdatedAt.Equal(p.Clock.Now()) {
			t.Errorf("updated at %v", got.UpdatedAt)
		}
		if got := events(t, p); !slices.Contains(got, "profile_changed") {
			t.Errorf("happened: %v", got)
		}
		// What was done is said once.
		if again := p.Get(t, browser, "/account/profile"); strings.Contains(again.Body, "is saved") {
			t.Error("it is said again")
		}
	})
}

// Mass assignment: the form changes what is on the page, and nothing else.
func TestFormsChangeOnlyWhatIsOnThePage(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		before := user(t, p)
		p.Clock.Advance(time.Second)
		extra := []string{
			"name", "Alex Sample", "language", "de", "theme", "dark", "sub", "other", "id", "other", "email", "evil@example.com",
			"email_verified", "false", "phone_number", "+1", "phone_number_verified", "true", "preferred_username", "root",
			"password_hash", "x", "identifiers", "evil@example.com", "disabled_at", "", "deletes_at", "1", "updated_at", "1",
			"picture", "https://evil.example/x.png", "address", "x", "birthdate", "1990-01-01",
		}
		wantBack(t, p, browser, p.Post(t, browser, "/account/profile", mine(extra...)), "/account/profile")
		p.Clock.Advance(time.Second)
		wantBack(t, p, browser, p.Post(t, browser, "/account/preferences", mine(extra...)), "/account/preferences")
		want := before
		want.Claims.Locale, want.Preferences.Theme, want.UpdatedAt = "de", "dark", p.Clock.Now()
		if diff := cmp.Diff(want, user(t, p)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWhatWillNotDoIsShownAgain(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	before := user(t, p)
	for name, form := range map[string][]string{
		"Enter your name":       {"name", " "},
		"at most 200":           {"name", strings.Repeat("a", 201)},
		"Enter a first name":    {"name", "Kept", "given_name", "a\u202eb"},
		"Enter a last name":     {"name", "Kept", "family_name", "a\x07b"},
		"Enter a nickname":      {"name", "Kept", "nickname", strings.Repeat("é", 201)},
		"Choose a time zone":    {"name", "Kept", "zoneinfo", "Mars/Olympus"},
		"<title>Error: Profile": {"name", ""},
	} {
		res := p.Post(t, browser, "/account/profile", mine(form...))
		wantPage(t, res, http.StatusUnprocessableEntity, name)
		if form[1] == "Kept" && value(t, res, "name") != "Kept" {
			t.Errorf("%s: what was entered is gone", name)
		}
		if !strings.Contains(res.Body, `role="alert" tabindex="-1" autofocus`) || !strings.Contains(res.Body, `aria-invalid="true"`) {
			t.Errorf("%s: the problem is not pointed at", name)
		}
	}
	if diff := cmp.Diff(before, user(t, p)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A change takes back none that was made since what it is of was read: what was
// entered is shown once more.
func TestParallelChangesTakeBackNone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		p.Clock.Advance(time.Second)
		fields := []string{"given_name", "family_name", "nickname"}
		responses := providertest.Parallel(12, func(i int) providertest.Response {
			return p.Post(t, browser, "/account/profile", mine("name", "Alex", fields[i%3], "changed"))
		})
		for _, res := range responses {
			if res.StatusCode != http.StatusSeeOther {
				t.Errorf("status %d: %s", res.StatusCode, res.Body)
			}
		}
		c, saved := user(t, p).Claims, 0
		for _, is := range []bool{c.GivenName != "", c.FamilyName != "", c.Nickname != ""} {
			if is {
				saved++
			}
		}
		if saved != 1 {
			t.Errorf("%d changes of the same state were mixed: %+v", saved, c)
		}
	})
}

// Whoever has to sign in again finds what they have entered.
func TestSignInKeepsWhatWasEntered(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	browser := signedIn(t, p)
	sessions, err := p.Store.ListSessions(t.Context(), providertest.UserID, p.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Store.EndSessions(t.Context(), []string{sessions[0].ID}, p.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	res := p.Post(t, browser, "/account/profile", mine("name", "Kept Over Sign-in"))
	wantDoor(t, p, res, "/account/profile")
	page := follow(t, p, browser, res, providertest.Username)
	wantPage(t, page, http.StatusOK, "Profile")
	if got := value(t, page, "name"); got != "Kept Over Sign-in" {
		t.Errorf("the name is %q", got)
	}
	if got := user(t, p).Claims.Name; got != "Alex Sample" {
		t.Errorf("it was stored: %q", got)
	}
}

func TestPreferencesAreRememberedHereAndThere(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := signedIn(t, p)
		res := p.Post(t, browser, "/account/preferences", mine("language", "de", "theme", "dark"))
		page := wantBack(t, p, browser, res, "/account/preferences")
		if !strings.Contains(page.Body, `<html lang="de"`) || !strings.Contains(page.Body, `data-theme="dark"`) {
			t.Errorf("not in German and dark: %s", page.Body)
		}
		want := storage.Preferences{Theme: "dark"}
		if u := user(t, p); u.Claims.Locale != "de" || u.Preferences != want {
			t.Errorf("stored %q, %+v", u.Claims.Locale, u.Preferences)
		}
		p.Clock.Advance(time.Second)
		res = p.Post(t, browser, "/account/preferences", mine("language", "tlh", "theme", "pink"))
		page = wantBack(t, p, browser, res, "/account/preferences")
		if !strings.Contains(page.Body, `<html lang="en" dir="ltr">`) {
			t.Errorf("not as the browser says: %s", page.Body)
		}
		if u := user(t, p); u.Claims.Locale != "" || u.Preferences.Theme != "" {
			t.Errorf("stored %q, %+v", u.Claims.Locale, u.Preferences)
		}
	})
}
