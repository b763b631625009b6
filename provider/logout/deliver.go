package logout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

const (
	// parallel is how many calls run at once, batch how many notices are taken
	// at once, and lease how long they are ours: longer than that many calls
	// take, so that nobody else makes them meanwhile, and short enough for
	// others to make them in time if this process is killed.
	parallel = 8
	batch    = 32
	lease    = time.Minute
	// patience is how long one call may take, with what is to be read and noted.
	patience = 15 * time.Second
	// lookEvery is how often it is looked for notices that others have left,
	// while there are requests.
	lookEvery = time.Minute
	// avoidFor is how long a client that did not answer is not called at all.
	avoidFor = 10 * time.Second
)

// backoff is how long to wait after each failure; the last for all that follow,
// until the notice expires.
var backoff = []time.Duration{ //nolint:gochecknoglobals // a constant
	avoidFor, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour,
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

// Deliverer calls the clients of sessions that have ended, beside the requests and
// a few at a time, until they have answered, [OpenID Connect Back-Channel Logout].
// It is safe for concurrent use, and several processes may deliver at once.
//
// It asks the database when a session was ended here, while there are requests,
// and when a notice is due that it knows of: an idle provider lets its database
// sleep.
//
// [OpenID Connect Back-Channel Logout]: https://openid.net/specs/openid-connect-backchannel-1_0.html
type Deliverer struct {
	Config

	kicked     chan struct{}
	delivering sync.Mutex // held by Deliver

	mu     sync.Mutex // guards what follows
	looked time.Time
	due    time.Time            // the next that is known of, zero if none is
	failed map[string]time.Time // when a client did not answer
}

// NewDeliverer returns a deliverer that does nothing before [Deliverer.Run].
func NewDeliverer(c Config) *Deliverer {
	return &Deliverer{Config: c, kicked: make(chan struct{}, 1), failed: map[string]time.Time{}}
}

// Kick has what is due delivered soon, by Run.
func (d *Deliverer) Kick() {
	select {
	case d.kicked <- struct{}{}:
	default: // it will look anyway
	}
}

// After looks after each request whether it is time to look for notices.
func (d *Deliverer) After(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		d.mu.Lock()
		stale := d.Now().Sub(d.looked) >= lookEvery
		d.mu.Unlock()
		if stale {
			d.Kick()
		}
	})
}

// Run delivers after each Kick and when a notice is due, until the context ends.
// It returns when the calls under way have ended, which takes seconds at most.
// What has not been delivered then waits for another process.
func (d *Deliverer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-d.kicked:
		case <-timer.C:
		}
		timer.Stop()
		if next := d.Deliver(ctx); !next.IsZero() {
			timer.Reset(next.Sub(d.Now()))
		}
	}
}

// Deliver delivers what is due, once at a time. It returns when all has been
// tried, and when the next notice is due, zero if none is.
func (d *Deliverer) Deliver(ctx context.Context) (next time.Time) {
	d.delivering.Lock()
	defer d.delivering.Unlock()
	d.begin()
	next, err := d.deliverDue(ctx)
	if err != nil && ctx.Err() == nil {
		d.Log.WarnContext(ctx, "reading logout notices failed", slog.String("error", err.Error()))
		next = d.Now().Add(lookEvery)
	}
	d.expect(next)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.due
}

func (d *Deliverer) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked, d.due = d.Now(), time.Time{}
	for id, at := range d.failed {
		if d.looked.Sub(at) >= avoidFor {
			delete(d.failed, id)
		}
	}
}

// expect notes when a notice is due.
func (d *Deliverer) expect(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.due.IsZero() || !at.IsZero() && at.Before(d.due) {
		d.due = at
	}
}

// deliverDue takes what is due bit by bit, and returns when the next is.
func (d *Deliverer) deliverDue(ctx context.Context) (time.Time, error) {
	var calls sync.WaitGroup
	defer calls.Wait()
	places := make(chan struct{}, parallel)
	for {
		now := d.Now()
		notices, next, err := d.Outbox.TakeLogoutNotices(ctx, now, now.Add(lease), batch)
		if err != nil {
			return time.Time{}, fmt.Errorf("take notices: %w", err)
		}
		for _, n := range notices {
			places <- struct{}{}
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err()
			}
			calls.Go(func() {
				defer func() { <-places }()
				d.deliver(ctx, n)
			})
		}
		if len(notices) < batch {
			return next, nil
		}
	}
}

// deliver calls the client of one notice and notes how that went. What is under way
// ends properly. What fails here comes again when the lease is over.
func (d *Deliverer) deliver(ctx context.Context, n storage.LogoutNotice) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	c, err := d.Outbox.FindClient(ctx, n.ClientID)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && c.Metadata.BackchannelLogoutURI == "":
		err = d.Outbox.DeleteLogoutNotice(ctx, n.ID) // it wants to hear no more
	case err == nil && d.avoids(c.ID):
		err = d.postpone(ctx, n)
	case err == nil:
		err = d.settle(ctx, n, d.call(ctx, &c, n))
	}
	if err != nil {
		d.Log.WarnContext(ctx, "delivering a logout notice failed",
			slog.String("client_id", n.ClientID), slog.String("error", err.Error()))
	}
}

// refusedError is the status with which a client did not take the logout token.
type refusedError int

func (e refusedError) Error() string { return fmt.Sprintf("refused with status %d", int(e)) }

// call tells the client. It fails with a refusedError, or with what may pass.
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
		return refusedError(status)
	}
}

// settle notes the outcome of a call, [OpenID Connect Back-Channel Logout §2.8]: a
// client that has answered, if with 400, is not called again.
//
// [OpenID Connect Back-Channel Logout §2.8]: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
func (d *Deliverer) settle(ctx context.Context, n storage.LogoutNotice, outcome error) error {
	if outcome == nil {
		return d.Outbox.DeleteLogoutNotice(ctx, n.ID)
	}
	_, refused := errors.AsType[refusedError](outcome)
	var err error
	if refused {
		err = d.Outbox.DeleteLogoutNotice(ctx, n.ID)
	} else {
		d.mu.Lock()
		d.failed[n.ClientID] = d.Now()
		d.mu.Unlock()
		err = d.postpone(ctx, n)
	}
	d.Log.WarnContext(ctx, "back-channel logout failed", slog.String("client_id", n.ClientID),
		slog.Int("attempt", n.Attempts+1), slog.Bool("final", refused), slog.String("error", outcome.Error()))
	return err
}

// avoids: the client has not answered a moment ago. Its further notices are not to
// hold up those of others.
func (d *Deliverer) avoids(clientID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.failed[clientID]
	return ok && d.Now().Sub(at) < avoidFor
}

func (d *Deliverer) postpone(ctx context.Context, n storage.LogoutNotice) error {
	until := d.Now().Add(backoff[min(n.Attempts, len(backoff)-1)])
	if err := d.Outbox.PostponeLogoutNotice(ctx, n.ID, until); err != nil {
		return err
	}
	d.expect(until)
	return nil
}
