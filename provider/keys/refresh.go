package keys

import (
	"context"
	"log/slog"
	"time"
)

const (
	// refreshAfter is the age at which keys are looked for anew when used.
	refreshAfter = time.Minute
	// reloadGap is the least time between two looks, whatever the reason: an
	// unknown kid can be sent by anyone, and the JWK Set asked for.
	reloadGap = time.Second
	// reloadTimeout is how long one look may take.
	reloadTimeout = 3 * time.Second
	// glance is how long the JWK Set waits for a look that it could do without.
	glance = 500 * time.Millisecond
)

// reload is one look for new keys, in the background.
type reload struct {
	startedAt time.Time
	done      chan struct{}
	err       error // after done
	// retry: the one before failed, so that it is better not to wait for this.
	retry bool
}

func (l *reload) wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *reload) running() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

// recent returns the keys as they are in memory. If they were read some time
// ago, new ones are looked for in the background.
func (r *Ring) recent(ctx context.Context) *snapshot {
	s := r.current.Load()
	if now := r.now(); now.Sub(s.readAt) >= refreshAfter {
		r.reload(ctx, now)
	}
	return s
}

// fresh is recent, but waits for keys that are older than MaxAge, once: in an
// outage we go on with what we have.
func (r *Ring) fresh(ctx context.Context) *snapshot {
	s, now := r.recent(ctx), r.now()
	if now.Sub(s.readAt) < MaxAge {
		return s
	}
	if l := r.reload(ctx, now); !l.retry {
		_ = l.wait(ctx) // logged by the reload itself
	}
	return r.current.Load()
}

// latest is fresh, but for whoever looks for a change: it waits for keys that are
// older than reloadGap, if that does not take long.
func (r *Ring) latest(ctx context.Context) *snapshot {
	now := r.now()
	if age := now.Sub(r.current.Load().readAt); reloadGap <= age && age < MaxAge {
		if l := r.reload(ctx, now); !l.retry {
			ctx, cancel := context.WithTimeout(ctx, glance)
			defer cancel()
			_ = l.wait(ctx) // logged by the reload itself
		}
	}
	return r.fresh(ctx)
}

// refresh looks for new keys and waits for them.
func (r *Ring) refresh(ctx context.Context) error {
	return r.reload(ctx, r.now()).wait(ctx)
}

// reload starts to load the keys and returns at once. If that is under way or
// has just been done, it returns that. The request that starts it does not end it.
func (r *Ring) reload(ctx context.Context, now time.Time) *reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	if last != nil && (r.closed || last.running() || now.Sub(last.startedAt) < reloadGap) {
		return last
	}
	l := &reload{startedAt: now, done: make(chan struct{}), retry: last != nil && last.err != nil}
	r.last = l
	if r.closed {
		close(l.done)
		return l
	}
	r.reloads.Go(func() {
		defer close(l.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTimeout)
		defer cancel()
		if l.err = r.Load(ctx); l.err != nil {
			r.log.WarnContext(ctx, "signing keys not refreshed, going on with those in memory",
				slog.Any("error", l.err))
		}
	})
	return l
}

// Close waits for what runs in the background. The keys in memory stay usable.
func (r *Ring) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.reloads.Wait()
	return nil
}
