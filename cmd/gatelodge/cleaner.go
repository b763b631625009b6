package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	cleanEvery = 5 * time.Minute
	cleanBatch = 500
	// cleanAtMost bounds the batches of one run: what a busy provider takes in
	// until the next.
	cleanAtMost = 1000
)

// cleaner deletes what has expired, in small batches beside the requests. It
// runs only while there are requests, so that an idle provider lets its
// database sleep.
type cleaner struct {
	store interface {
		DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error)
	}
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	last    time.Time
	running sync.WaitGroup
}

// after looks after each request whether it is time to clean.
func (c *cleaner) after(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if c.due() {
			ctx := context.WithoutCancel(r.Context())
			c.running.Go(func() { c.clean(ctx) })
		}
	})
}

func (c *cleaner) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.last) < cleanEvery {
		return false
	}
	c.last = c.now()
	return true
}

func (c *cleaner) clean(ctx context.Context) {
	for range cleanAtMost {
		n, err := c.store.DeleteExpired(ctx, c.now(), cleanBatch)
		if err != nil {
			c.log.WarnContext(ctx, "cleaning up failed", slog.String("error", err.Error()))
			return
		}
		if n < cleanBatch {
			return
		}
	}
}

// wait returns when no cleaning is under way.
func (c *cleaner) wait() { c.running.Wait() }
