package provider

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// applied is a store that remembers the mails of the last write, and says when it was
// asked for mails.
type applied struct {
	storage.Store
	mails []storage.Mail
	asked chan struct{}
}

func (a *applied) Apply(_ context.Context, w storage.Write) error {
	a.mails = w.Mails
	return nil
}

func (a *applied) TakeMails(context.Context, time.Time, time.Time, int) ([]storage.Mail, time.Time, error) {
	a.asked <- struct{}{}
	return nil, time.Time{}, nil
}

// A write that leaves mails has them delivered, whoever it is of. Without mail it
// leaves none, which would be sent once there is.
func TestWritesThatLeaveMailsHaveThemDelivered(t *testing.T) {
	t.Parallel()
	store := &applied{asked: make(chan struct{})}
	write := storage.Write{Mails: []storage.Mail{{ID: "a"}}}
	if err := (mailing{store, nil}).Apply(t.Context(), write); err != nil || len(store.mails) != 0 {
		t.Errorf("%d mails are left without mail: %v", len(store.mails), err)
	}
	mails := mail.NewDeliverer(mail.Config{Outbox: store, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	go mails.Run(t.Context())
	if err := (mailing{store, mails}).Apply(t.Context(), write); err != nil || len(store.mails) != 1 {
		t.Errorf("%d mails are left: %v", len(store.mails), err)
	}
	<-store.asked
}
