package mail

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/outbox"
	"github.com/gatelodge/gatelodge/storage"
)

// patience is how long one delivery may take: mail servers may think a while before
// they take a message.
const patience = 30 * time.Second

// waits are those between the attempts at one mail: short ones, since somebody sits
// before a page and waits for most of them.
func waits() []time.Duration {
	return []time.Duration{
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	}
}

// Outbox is where the mails are.
type Outbox interface {
	TakeMails(ctx context.Context, now, leaseUntil time.Time, limit int) ([]storage.Mail, time.Time, error)
	DeleteMail(ctx context.Context, id string) error
	PostponeMail(ctx context.Context, id string, until time.Time) error
}

// Envelope is a message that is ready to go.
type Envelope struct {
	// ID is the same however often the message is sent.
	ID string
	To string
	consentui.Letter
	// At is when it was written.
	At time.Time
}

// ErrUnreachable reports a mail server that takes no message at the moment, whatever
// message it is.
var ErrUnreachable = errors.New("the mail server cannot be reached")

// Sender sends messages. It fails with an [outbox.RefusalError] if the message can
// never be delivered, with [ErrUnreachable], or with an error of any other kind if the
// message may be delivered later. The text of an error names nobody.
type Sender interface {
	Send(ctx context.Context, e Envelope) error
}

// Config is what a deliverer needs.
type Config struct {
	Outbox Outbox
	Sealer Sealer
	Pages  *consentui.Pages
	Sender Sender
	Log    *slog.Logger
	Now    func() time.Time
}

// Deliverer sends the mails in the outbox until they are taken, or of no use any
// more. A mail may arrive twice, when the answer of the mail server is lost, but not
// never.
type Deliverer struct {
	Config
	*outbox.Box[storage.Mail]
}

// NewDeliverer returns a deliverer that does nothing before it is run.
func NewDeliverer(c Config) *Deliverer {
	d := &Deliverer{Config: c}
	d.Box = outbox.New(outbox.Config[storage.Mail]{
		Name: "mail",
		Take: c.Outbox.TakeMails, Delete: c.Outbox.DeleteMail, Postpone: c.Outbox.PostponeMail,
		Item:       func(m storage.Mail) (string, int) { return m.ID, m.Attempts },
		Attributes: d.attributes,
		Deliver:    d.deliver, Patience: patience, Waits: waits(), Log: c.Log, Now: c.Now,
	})
	return d
}

// attributes say of a mail what may be logged: the address only as far as a fault of
// the mail server's there can be found.
func (d *Deliverer) attributes(m storage.Mail) []slog.Attr {
	attributes := []slog.Attr{slog.String("mail", m.ID)}
	message, err := d.Sealer.Open(m)
	if err != nil {
		return attributes
	}
	_, domain, _ := strings.Cut(message.To, "@")
	return append(attributes, slog.String("kind", string(message.Kind)), slog.String("domain", domain))
}

// server is the one party that mails are given to.
const server = "the mail server"

// deliver sends one mail. One that cannot be read is kept until it expires: it may
// have been left by a process with another secret.
func (d *Deliverer) deliver(ctx context.Context, m storage.Mail) error {
	if d.Avoids(server) {
		return outbox.ErrAvoided
	}
	message, err := d.Sealer.Open(m)
	if err != nil {
		return err
	}
	letter, err := d.Pages.Letter(message.inPlainWords())
	if err != nil {
		return outbox.RefusalError{Err: err}
	}
	err = d.Sender.Send(ctx, Envelope{ID: m.ID, To: message.To, Letter: letter, At: message.At})
	switch {
	case errors.Is(err, ErrUnreachable):
		d.Failed(server)
	case err == nil:
		d.Log.LogAttrs(ctx, slog.LevelInfo, "mail sent", d.attributes(m)...)
	}
	return err
}

func (m Message) inPlainWords() consentui.Mail {
	return consentui.Mail{
		Kind: string(m.Kind), Languages: m.Languages, Name: m.Name, Link: m.Link, Code: m.Code, App: m.App,
		Factor: m.Factor, Device: Device(m.UserAgent), Network: Place(m.Network),
		At: m.At, ExpiresAt: m.ExpiresAt, Due: m.Due,
	}
}
