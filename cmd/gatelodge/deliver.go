package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/mail"
)

// deliverWithin is for how long a command delivers what it has left.
const deliverWithin = 10 * time.Second

// deliver calls the clients of sessions that the command has ended, and sends the
// mails that it has left, since a provider that nobody uses does not look: a stolen
// account is disabled at night. What does not succeed, or needs settings that the
// command lacks, a running provider does with one of its next requests.
func (p *process) deliver(ctx context.Context) {
	if p.keys == nil || p.config.Issuer == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { p.tellClients(ctx) })
	both.Go(func() { p.sendMails(ctx) })
	both.Wait()
}

func (p *process) tellClients(ctx context.Context) {
	if err := p.keys.Load(ctx); err != nil {
		p.log.WarnContext(ctx, "clients are not told of ended sessions", slog.String("error", err.Error()))
		return
	}
	logout.NewDeliverer(logout.Config{
		Issuer: p.config.Issuer, Outbox: p.db, Outbound: p.calls, Keys: p.keys,
		ClientKeys: client.NewKeys(p.calls), Log: p.log, Now: now,
	}).Deliver(ctx)
}

func (p *process) sendMails(ctx context.Context) {
	if p.mail == nil {
		return
	}
	pages, err := provider.LoadPages(p.config)
	if err != nil {
		p.log.WarnContext(ctx, "mails are not sent", slog.String("error", err.Error()))
		return
	}
	mail.NewDeliverer(mail.Config{
		Outbox: p.db, Sealer: mail.NewSealer(p.secrets), Pages: pages, Sender: p.mail, Log: p.log, Now: now,
	}).Deliver(ctx)
}
