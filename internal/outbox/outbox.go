// Package outbox delivers what writes have left in the database to be delivered:
// beside the requests, a few at a time, again and again until it has arrived or
// expired. It owns when the database is asked, the leases and the waits between
// attempts; it does not own what is delivered nor how: provider/logout and
// provider/mail do.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// parallel is how many deliveries run at once, and batch how many items are
	// taken at once.
	parallel = 8
	batch    = 32
	// lookEvery is how often it is looked for items that others have left, while
	// there are requests.
	lookEvery = time.Minute
	// avoidFor is how long a party that did not answer is left alone.
	avoidFor = 10 * time.Second
)

// Config is what a box needs to deliver items of the type T.
type Config[T any] struct {
	// Name is what its items are called in the log.
	Name string
	// Take, Delete and Postpone are the database's, see [storage.Store].
	//
	// [storage.Store]: https://pkg.go.dev/github.com/gatelodge/gatelodge/storage#Store
	Take     func(ctx context.Context, now, leaseUntil time.Time, limit int) ([]T, time.Time, error)
	Delete   func(ctx context.Context, id string) error
	Postpone func(ctx context.Context, id string, until time.Time) error
	// Item tells an item's id, and how often it was tried before.
	Item func(T) (id string, attempts int)
	// Attributes are what the log says of an item whose delivery failed.
	Attributes func(T) []slog.Attr
	// Deliver delivers an item, to its end when the provider stops. It fails with
	// a [RefusalError], with [ErrAvoided], or with what may pass.
	Deliver func(context.Context, T) error
	// Patience is how long one delivery may take.
	Patience time.Duration
	// Waits are how long to wait after each failure; the last for all that follow,
	// until the item expires.
	Waits []time.Duration
	Log   *slog.Logger
	Now   func() time.Time
}

// RefusalError is the answer that no further attempt would change.
type RefusalError struct{ Err error }

func (r RefusalError) Error() string { return r.Err.Error() }

// Unwrap returns the cause.
func (r RefusalError) Unwrap() error { return r.Err }

// ErrAvoided reports an item that was not tried, see [Box.Avoids].
var ErrAvoided = errors.New("avoided")

// Box delivers the items of one kind. It is safe for concurrent use, and several
// processes may deliver at once.
//
// It asks the database when something was left here, while there are requests, and
// when an item is due that it knows of: an idle provider lets its database sleep.
type Box[T any] struct {
	config Config[T]

	kicked     chan struct{}
	delivering sync.Mutex // held by Deliver

	mu     sync.Mutex // guards what follows
	looked time.Time
	due    time.Time            // the next that is known of, zero if none is
	failed map[string]time.Time // when a party did not answer
}

// New returns a box that delivers nothing before [Box.Run].
func New[T any](c Config[T]) *Box[T] {
	return &Box[T]{config: c, kicked: make(chan struct{}, 1), failed: map[string]time.Time{}}
}

// Kick has what is due delivered soon, by Run.
func (b *Box[T]) Kick() {
	select {
	case b.kicked <- struct{}{}:
	default: // it will look anyway
	}
}

// After looks after each request whether it is time to look for items.
func (b *Box[T]) After(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		b.mu.Lock()
		stale := b.config.Now().Sub(b.looked) >= lookEvery
		b.mu.Unlock()
		if stale {
			b.Kick()
		}
	})
}

// Run delivers after each Kick and when an item is due, until the context ends. It
// returns when the deliveries under way have ended, which takes seconds at most.
// What has not been delivered then waits for another process.
func (b *Box[T]) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-b.kicked:
		case <-timer.C:
		}
		timer.Stop()
		if next := b.Deliver(ctx); !next.IsZero() {
			timer.Reset(next.Sub(b.config.Now()))
		}
	}
}

// Deliver delivers what is due, once at a time. It returns when all has been
// tried, and when the next item is due, zero if none is.
func (b *Box[T]) Deliver(ctx context.Context) (next time.Time) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	b.begin()
	next, err := b.deliverDue(ctx)
	if err != nil && ctx.Err() == nil {
		b.config.Log.WarnContext(ctx, "reading what is to be delivered failed",
			slog.String("of", b.config.Name), slog.String("error", err.Error()))
		next = b.config.Now().Add(lookEvery)
	}
	b.expect(next)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due
}

func (b *Box[T]) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked, b.due = b.config.Now(), time.Time{}
	for id, at := range b.failed {
		if b.looked.Sub(at) >= avoidFor {
			delete(b.failed, id)
		}
	}
}

// expect notes when an item is due.
func (b *Box[T]) expect(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due.IsZero() || !at.IsZero() && at.Before(b.due) {
		b.due = at
	}
}

// lease is longer than a batch takes, so that nobody else delivers it meanwhile,
// and short enough for others to do so in time if this process is killed.
func (b *Box[T]) lease() time.Duration { return batch / parallel * b.config.Patience }

// deliverDue takes what is due bit by bit, and returns when the next is.
func (b *Box[T]) deliverDue(ctx context.Context) (time.Time, error) {
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	places := make(chan struct{}, parallel)
	for {
		now := b.config.Now()
		items, next, err := b.config.Take(ctx, now, now.Add(b.lease()), batch)
		if err != nil {
			return time.Time{}, fmt.Errorf("take: %w", err)
		}
		for _, item := range items {
			places <- struct{}{}
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err()
			}
			deliveries.Go(func() {
				defer func() { <-places }()
				b.deliver(ctx, item)
			})
		}
		if len(items) < batch {
			return next, nil
		}
	}
}

// deliver delivers one item and notes how that went. What is under way ends
// properly. What cannot be noted comes again when the lease is over.
func (b *Box[T]) deliver(ctx context.Context, item T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.config.Patience)
	defer cancel()
	outcome := b.config.Deliver(ctx, item)
	id, attempts := b.config.Item(item)
	_, refused := errors.AsType[RefusalError](outcome)
	if outcome != nil && !errors.Is(outcome, ErrAvoided) {
		b.warn(ctx, "delivery failed", item, slog.Int("attempt", attempts+1),
			slog.Bool("final", refused), slog.String("error", outcome.Error()))
	}
	var err error
	if outcome == nil || refused {
		err = b.config.Delete(ctx, id)
	} else {
		err = b.postpone(ctx, id, attempts)
	}
	if err != nil {
		b.warn(ctx, "noting a delivery failed", item, slog.String("error", err.Error()))
	}
}

func (b *Box[T]) warn(ctx context.Context, message string, item T, attributes ...slog.Attr) {
	b.config.Log.LogAttrs(ctx, slog.LevelWarn, message, //nolint:sloglint // one of two constants
		append(append([]slog.Attr{slog.String("of", b.config.Name)}, b.config.Attributes(item)...), attributes...)...)
}

func (b *Box[T]) postpone(ctx context.Context, id string, attempts int) error {
	until := b.config.Now().Add(b.config.Waits[min(attempts, len(b.config.Waits)-1)])
	if err := b.config.Postpone(ctx, id, until); err != nil {
		return err
	}
	b.expect(until)
	return nil
}

// Failed notes that a party did not answer.
func (b *Box[T]) Failed(party string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[party] = b.config.Now()
}

// Avoids reports whether the party has not answered a moment ago. Its further items
// are not to hold up those of others.
func (b *Box[T]) Avoids(party string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.failed[party]
	return ok && b.config.Now().Sub(at) < avoidFor
}
