package e2e

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/smtptest"
)

// askForMail asks for a mail to the fixture's person, from the sign-in page.
func (p *provider) askForMail(t *testing.T) {
	t.Helper()
	browser := p.client(t)
	page := p.Authorize(t, browser, providertest.AuthorizeParams(nil))
	page = p.Post(t, browser, "/link/ask", url.Values{
		"request": {page.Pending(t)}, "username": {providertest.Username}, "purpose": {"reset"},
	})
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Body, `action="/link/again"`) {
		t.Fatalf("no mail is on its way: status %d: %s", page.StatusCode, page.Body)
	}
}

// endLeases has the mails that a killed provider was about to send be due now, as they
// are when some minutes have passed.
func (p *provider) endLeases(t *testing.T) {
	t.Helper()
	db, now := p.open(t), time.Now()
	mails, _, err := db.TakeMails(t.Context(), now.Add(5*time.Minute), now, 100)
	if err := errors.Join(err, db.Close()); err != nil || len(mails) != 1 {
		t.Fatalf("%d mails are left: %v", len(mails), err)
	}
}

// Whoever is told that a mail is on its way gets it: the mail server may be down, and
// the provider killed before it is back.
func TestMailSurvivesAKillWhileItsServerIsDown(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func() string{
		"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var back atomic.Bool
			asked := make(chan struct{}, 100)
			server := smtptest.New(t, smtptest.Options{Reply: func(command, _ string) string {
				if command != "GREETING" || back.Load() {
					return ""
				}
				asked <- struct{}{}
				return "421 4.3.2 down"
			}})
			p := newProvider(t, database(), "GATELODGE_MAIL_URL=smtp://"+server.Addr)
			p.askForMail(t)
			<-asked
			p.kill()
			p.endLeases(t)
			back.Store(true)
			p.start(t)
			letter := server.Next(t, providertest.Username)
			if !strings.HasPrefix(letter.Link, p.URL+"/link?") {
				t.Errorf("the mail leads to %q:\n%s", letter.Link, letter.Text)
			}
		})
	}
}
