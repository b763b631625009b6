package logout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gatelodge/gatelodge/internal/outbox"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// patience is how long one call may take, with what is to be read and noted.
const patience = 15 * time.Second

// waits are those between the calls of a client that does not answer.
func waits() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
}

// Outbox is where the notices are.
type Outbox interface {
	TakeLogoutNotices(ctx context.Context, now, leaseUntil time.Time, limit int) ([]storage.LogoutNotice, time.Time, error)
	DeleteLogoutNotice(ctx context.Context, id string) error
	PostponeLogoutNotice(ctx context.Context, id string, until time.Time) error
	FindClient(ctx context.Context, id string) (storage.Client, error)
}

// Signer signs logout tokens.
type Signer interface {
	Sign(ctx context.Context, alg, typ string, claims any) (string, error)
}

// Config is what a deliverer needs.
type Config struct {
	Issuer     string
	Outbox     Outbox
	Outbound   *outbound.Client
	Keys       Signer
	ClientKeys *client.Keys
	Log        *slog.Logger
	Now        func() time.Time
}

// Deliverer calls the clients of sessions that have ended until they have answered,
// [OpenID Connect Back-Channel Logout].
//
// [OpenID Connect Back-Channel Logout]: https://openid.net/specs/openid-connect-backchannel-1_0.html
type Deliverer struct {
	Config
	*outbox.Box[storage.LogoutNotice]
}

// NewDeliverer returns a deliverer that does nothing before it is run.
func NewDeliverer(c Config) *Deliverer {
	d := &Deliverer{Config: c}
	d.Box = outbox.New(outbox.Config[storage.LogoutNotice]{
		Name: "back-channel logout",
		Take: c.Outbox.TakeLogoutNotices, Delete: c.Outbox.DeleteLogoutNotice, Postpone: c.Outbox.PostponeLogoutNotice,
		Item:       func(n storage.LogoutNotice) (string, int) { return n.ID, n.Attempts },
		Attributes: func(n storage.LogoutNotice) []slog.Attr { return []slog.Attr{slog.String("client_id", n.ClientID)} },
		Deliver:    d.deliver, Patience: patience, Waits: waits(), Log: c.Log, Now: c.Now,
	})
	return d
}

// deliver calls the client of one notice, [OpenID Connect Back-Channel Logout §2.8]:
// a client that has answered, if with 400, is not called again.
//
// [OpenID Connect Back-Channel Logout §2.8]: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
func (d *Deliverer) deliver(ctx context.Context, n storage.LogoutNotice) error {
	c, err := d.Outbox.FindClient(ctx, n.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && c.Metadata.BackchannelLogoutURI == "":
		return nil // it wants to hear no more
	case err != nil:
		return err
	case d.Avoids(c.ID):
		return outbox.ErrAvoided
	}
	err = d.call(ctx, &c, n)
	if _, refused := errors.AsType[outbox.RefusalError](err); err != nil && !refused {
		d.Failed(c.ID)
	}
	return err
}

// call tells the client. It fails with an [outbox.RefusalError], or with what may pass.
func (d *Deliverer) call(ctx context.Context, c *storage.Client, n storage.LogoutNotice) error {
	token, err := d.token(ctx, c, n)
	if err != nil {
		return err
	}
	status, err := d.Outbound.PostForm(ctx, c.Metadata.BackchannelLogoutURI, url.Values{"logout_token": {token}})
	switch {
	case err != nil:
		return err
	case status >= 200 && status < 300:
		return nil
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return fmt.Errorf("answered with status %d", status)
	default:
		return outbox.RefusalError{Err: fmt.Errorf("refused with status %d", status)}
	}
}
