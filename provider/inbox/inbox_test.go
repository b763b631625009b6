package inbox_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/inbox"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// send leaves a mail in the outbox.
func send(t *testing.T, p *providertest.Provider, to string) {
	t.Helper()
	now := p.Clock.Now()
	sealed := mail.NewSealer(p.Secrets).Seal(mail.Message{
		Kind: mail.SignInLink, To: to, Link: p.URL + "/link?token=t0ken", Code: "ABCD-2345", At: now, ExpiresAt: now.Add(time.Hour),
	})
	if err := p.Store.Apply(t.Context(), storage.Write{Key: rand.Text(), Now: now, Mails: []storage.Mail{sealed}}); err != nil {
		t.Fatal(err)
	}
}

// messages asks for mails as a test does that drives a browser.
func messages(t *testing.T, p *providertest.Provider, query string) []inbox.Message {
	t.Helper()
	res := p.Get(t, providertest.Browser(t), "/dev/mail/messages"+query)
	var list []inbox.Message
	if err := json.Unmarshal([]byte(res.Body), &list); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", res.StatusCode, err, res.Body)
	}
	return list
}

// A mail that is left is in the inbox for the very next request, as JSON and on pages.
func TestDeveloperSeesMailAtOnce(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Dev: true})
	if list := messages(t, p, ""); list == nil || len(list) != 0 {
		t.Errorf("the inbox begins with %v", list)
	}
	send(t, p, "ada@example.com")
	send(t, p, "bo@example.com")
	list := messages(t, p, "?to=ada@example.com")
	if len(list) != 1 || list[0].Code != "ABCD-2345" || list[0].Links[0] != p.URL+"/link?token=t0ken" ||
		list[0].From != providertest.MailFrom || list[0].Subject == "" || list[0].Text == "" || list[0].HTML == "" {
		t.Fatalf("ada has %+v", list)
	}
	if n := len(messages(t, p, "")); n != 2 {
		t.Errorf("there are %d mails, want 2", n)
	}
	browser := providertest.Browser(t)
	if res := p.Get(t, browser, "/dev/mail/messages/"+list[0].ID); res.JSON(t)["to"] != "ada@example.com" {
		t.Errorf("the mail is %s", res.Body)
	}
	for path, want := range map[string]string{
		"/dev/mail":               "bo@example.com",
		"/dev/mail/" + list[0].ID: `<code>ABCD-2345</code>`,
	} {
		res := p.Get(t, browser, path)
		if res.StatusCode != http.StatusOK || !strings.Contains(res.Body, want) {
			t.Errorf("%s: status %d, no %s", path, res.StatusCode, want)
		}
		if csp := res.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") {
			t.Errorf("%s may do what pages may not: %s", path, csp)
		}
	}
}

// Nothing in a mail's HTML runs here, whatever is in it.
func TestMailIsShownWhereNothingRuns(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Dev: true})
	if err := p.Inbox.Send(t.Context(), mail.Envelope{ID: "x", Letter: consentui.Letter{HTML: "<script>evil()</script>"}}); err != nil {
		t.Fatal(err)
	}
	browser := providertest.Browser(t)
	res := p.Get(t, browser, "/dev/mail/x/html")
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
		!strings.Contains(csp, "; sandbox;") || strings.Contains(csp, "script-src") {
		t.Errorf("it may %s", csp)
	}
	if page := p.Get(t, browser, "/dev/mail/x"); strings.Contains(page.Body, "evil") || !strings.Contains(page.Body, `sandbox=""`) {
		t.Error("it is in the page, or in a frame that allows something")
	}
}

func TestUnknownMailIsNotFound(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Dev: true})
	for _, path := range []string{"/dev/mail/none", "/dev/mail/none/html", "/dev/mail/messages/none"} {
		if res := p.Get(t, providertest.Browser(t), path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
}

// Nobody reads others' mails in production.
func TestInboxIsForDevelopmentAlone(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	send(t, p, "ada@example.com")
	m := p.Mail(t, "ada@example.com")
	for _, path := range []string{
		"/dev/mail", "/dev/mail/messages", "/dev/mail/" + m.ID, "/dev/mail/" + m.ID + "/html", "/dev/mail/messages/" + m.ID,
	} {
		if res := p.Get(t, providertest.Browser(t), path); res.StatusCode != http.StatusNotFound || strings.Contains(res.Body, "ada") {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
}

// The inbox is bounded: the latest are kept.
func TestInboxKeepsTheLatest(t *testing.T) {
	t.Parallel()
	var box inbox.Inbox
	for i := range 300 {
		if err := box.Send(t.Context(), mail.Envelope{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	all := box.Messages("")
	if len(all) != 200 || all[0].ID != "299" || all[199].ID != "100" {
		t.Errorf("it keeps %d, from %s to %s", len(all), all[0].ID, all[len(all)-1].ID)
	}
	if _, ok := box.Message("99"); ok {
		t.Error("it finds one that is gone")
	}
}
