package providertest

import (
	"io"
	"log/slog"
	"net/url"
	"testing"

	"github.com/gatelodge/gatelodge/provider/inbox"
)

// AllMail delivers the mails that are due and returns those to the address, the
// latest first.
func (p *Provider) AllMail(t testing.TB, to string) []inbox.Message {
	t.Helper()
	p.Mails.Deliver(t.Context())
	return p.Inbox.Messages(to)
}

// Mail delivers the mails that are due and returns the latest to the address.
func (p *Provider) Mail(t testing.TB, to string) inbox.Message {
	t.Helper()
	all := p.AllMail(t, to)
	if len(all) == 0 {
		t.Fatalf("no mail to %s", to)
	}
	return all[0]
}

// Link returns where the mail leads to: a path of the provider's with its query.
func Link(t testing.TB, m inbox.Message) string {
	t.Helper()
	if len(m.Links) == 0 {
		t.Fatalf("no link in the mail %q", m.Subject)
	}
	u, err := url.Parse(m.Links[0])
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// Logger writes lines of JSON.
func Logger(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }
