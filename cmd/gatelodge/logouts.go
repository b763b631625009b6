package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/logout"
)

// tellWithin is how long a command tells clients of sessions that it has ended.
const tellWithin = 10 * time.Second

// tellClients calls the clients of sessions that the command has ended, since a
// provider that nobody uses does not look: a stolen account is disabled at night.
// What does not succeed, or needs settings that the command lacks, a running
// provider does with one of its next requests.
func (p *process) tellClients(ctx context.Context) {
	if p.keys == nil || p.config.Issuer == "" {
		return
	}
	if err := p.keys.Load(ctx); err != nil {
		p.log.WarnContext(ctx, "clients are not told of ended sessions", slog.String("error", err.Error()))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	logout.NewDeliverer(logout.Config{
		Issuer: p.config.Issuer, Outbox: p.db, Outbound: p.calls, Keys: p.keys,
		ClientKeys: client.NewKeys(p.calls), Log: p.log, Now: now,
	}).Deliver(ctx)
}
