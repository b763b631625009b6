package provider

import (
	"context"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/inbox"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// mailsOf returns who delivers mails, nil if there is no mail.
func mailsOf(d Deps, pages *consentui.Pages) *mail.Deliverer {
	if d.Mail == nil {
		return nil
	}
	return mail.NewDeliverer(mail.Config{
		Outbox: d.Store, Sealer: mail.NewSealer(d.Secrets), Pages: pages, Sender: d.Mail, Log: d.Log, Now: d.Now,
	})
}

// inbox shows developers the mails that nobody gets, nil if somebody does.
func (s *shared) inbox() *inbox.Handler {
	box, ok := s.Mail.(*inbox.Inbox)
	if !ok || !s.Dev {
		return nil
	}
	return &inbox.Handler{Inbox: box, Deliver: s.mails.Deliver, Pages: s.pages, Now: s.Now}
}

// mailing has the mails of a write delivered soon, and leaves none if there is no mail.
type mailing struct {
	storage.Store
	mails *mail.Deliverer
}

// Apply implements [storage.Store].
func (m mailing) Apply(ctx context.Context, w storage.Write) error {
	if m.mails == nil {
		w.Mails = nil
	}
	err := m.Store.Apply(ctx, w)
	if err == nil && len(w.Mails) > 0 {
		m.mails.Kick()
	}
	return err
}
