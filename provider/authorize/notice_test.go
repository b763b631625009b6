package authorize_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// signInFrom signs the fixture's person in with a browser that says what it is.
func signInFrom(t *testing.T, p *providertest.Provider, browser *http.Client, userAgent string) {
	t.Helper()
	says := sending(browser, headers{"User-Agent": userAgent})
	sealed := wantLogin(t, p.Authorize(t, says, params("prompt", "login")))
	if res := p.Post(t, says, "/login", credentials(sealed)); res.StatusCode >= 400 {
		t.Fatalf("not signed in: %s", brief(res))
	}
}

func activity(t *testing.T, p *providertest.Provider) []storage.Activity {
	t.Helper()
	list, err := p.Store.ListActivity(t.Context(), providertest.UserID, p.Clock.Now().Add(time.Second), 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSignInsAreKeptForTheirOwner(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.Clock.Advance(time.Hour)
		browser := providertest.Browser(t)
		for range 2 {
			signInFrom(t, p, browser, firefox)
			p.Clock.Advance(time.Minute)
		}
		signInFrom(t, p, browser, strings.Repeat("\xff", 300)+"<script>")
		var events []string
		for _, a := range activity(t, p) {
			events = append(events, a.Event+" "+a.ClientID+" "+a.Network+" "+a.UserAgent)
		}
		want := []string{
			"signed_in web 127.0.0.1/32 ",
			"signed_in web 127.0.0.1/32 " + firefox,
			"signed_in_new_device web 127.0.0.1/32 " + firefox,
		}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		sessions, err := p.Store.ListSessions(t.Context(), providertest.UserID, p.Clock.Now())
		if err != nil || len(sessions) != 1 || sessions[0].Network != "127.0.0.1/32" || sessions[0].UserAgent != "" {
			t.Errorf("got %+v, %v", sessions, err)
		}
	})
}

func TestPeopleHearOfASignInFromANewDevice(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	signInFrom(t, p, browser, firefox)
	if got := p.AllMail(t, providertest.Username); len(got) != 0 {
		t.Fatalf("who has just signed up is told: %+v", got)
	}
	p.Clock.Advance(time.Hour)
	signInFrom(t, p, browser, firefox)
	if got := p.AllMail(t, providertest.Username); len(got) != 0 {
		t.Fatalf("a known device is told of: %+v", got)
	}
	other := providertest.Browser(t)
	signInFrom(t, p, other, firefox)
	signInFrom(t, p, other, firefox)
	mails := p.AllMail(t, providertest.Username)
	if len(mails) != 1 {
		t.Fatalf("%d mails, want 1", len(mails))
	}
	for _, text := range []string{"Firefox", "127.0.0.1"} {
		if !strings.Contains(mails[0].Text, text) {
			t.Errorf("the mail does not say %s:\n%s", text, mails[0].Text)
		}
	}
}

func TestLanguageOfWhoSignsInIsRemembered(t *testing.T) {
	t.Parallel()
	for locale, lang := range map[string]string{"de": "de", "de-AT": "de", "tlh": "en", "": "en"} {
		p, browser := newProvider(t), providertest.Browser(t)
		p.ChangeUser(t, func(u *storage.User) { u.Claims.Locale = locale })
		signInFrom(t, p, browser, firefox)
		if body := p.Get(t, browser, "/").Body; !strings.Contains(body, `<html lang="`+lang+`"`) {
			t.Errorf("%q: the page is not in %s", locale, lang)
		}
	}
}
