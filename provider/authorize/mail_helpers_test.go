package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
)

// newPassphrase is a password that somebody chooses.
const newPassphrase = "a new pass phrase of Kim"

// mails takes what is due out of the outbox, the latest last.
func mails(t *testing.T, p *providertest.Provider) []mail.Message {
	t.Helper()
	now := p.Clock.Now()
	due, _, err := p.Store.TakeMails(t.Context(), now, now.Add(time.Minute), 100)
	if err != nil {
		t.Fatal(err)
	}
	var messages []mail.Message
	for _, m := range due {
		message, err := mail.Sealer{Key: p.Secrets.For("mails")}.Open(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Store.DeleteMail(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message)
	}
	return messages
}

// mailed takes the one mail out of the outbox.
func mailed(t *testing.T, p *providertest.Provider, kind mail.Kind, to string) mail.Message {
	t.Helper()
	all := mails(t, p)
	if len(all) != 1 || all[0].Kind != kind || all[0].To != to {
		t.Fatalf("mails: %+v, want one of %s to %s", all, kind, to)
	}
	return all[0]
}

// tokenOf is the token in the mail's link.
func tokenOf(t *testing.T, m mail.Message) string {
	t.Helper()
	u, err := url.Parse(m.Link)
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("the link is %q: %v", m.Link, err)
	}
	return u.Query().Get("token")
}

// follow opens the link of the mail.
func follow(t *testing.T, p *providertest.Provider, browser *http.Client, m mail.Message) providertest.Response {
	t.Helper()
	path, ours := strings.CutPrefix(m.Link, p.URL)
	if !ours {
		t.Fatalf("the link leads to %s", m.Link)
	}
	return p.Get(t, browser, path)
}

// use sends the form of the page that the link of the mail opens.
func use(t *testing.T, p *providertest.Provider, browser *http.Client, m mail.Message, fields ...string) providertest.Response {
	t.Helper()
	if page := follow(t, p, browser, m); page.StatusCode != http.StatusOK {
		t.Fatalf("the link opens %s", brief(page))
	}
	return p.Post(t, browser, "/link", providertest.With(url.Values{"token": {tokenOf(t, m)}}, fields...))
}

// wantCheckMail checks that this is the page that waits for a mail, and returns its
// sealed request.
func wantCheckMail(t *testing.T, res providertest.Response, status int) string {
	t.Helper()
	if res.StatusCode != status || !strings.Contains(res.Body, `action="/link/again"`) {
		t.Fatalf("not the page that waits for the mail: %s", brief(res))
	}
	return res.Pending(t)
}

// askFor has something mailed by the sign-in page of a new request, and returns the
// sealed request of the page that waits for it.
func askFor(t *testing.T, p *providertest.Provider, browser *http.Client, purpose, entered string, changes ...string) string {
	t.Helper()
	form := url.Values{
		"request":  {wantLogin(t, p.Authorize(t, browser, params(changes...)))},
		"username": {entered}, "purpose": {purpose},
	}
	return wantCheckMail(t, p.Post(t, browser, "/link/ask", form), http.StatusOK)
}

func typed(sealed, code string) url.Values { return url.Values{"request": {sealed}, "code": {code}} }

// signInWith signs in with the password from a browser that nobody has used.
func signInWith(t *testing.T, p *providertest.Provider, username, password string) providertest.Response {
	t.Helper()
	browser := providertest.Browser(t)
	return p.Post(t, browser, "/login", url.Values{
		"request":  {wantLogin(t, p.Authorize(t, browser, params()))},
		"username": {username}, "password": {password},
	})
}
