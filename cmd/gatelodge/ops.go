package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pingEvery bounds how often readiness asks the database, and pingTimeout
	// how long it waits: together they are how late it notices an outage.
	pingEvery   = time.Second
	pingTimeout = 900 * time.Millisecond
)

// health answers those who run the provider, on a listener of their own.
type health struct {
	db      database
	now     func() time.Time
	serving atomic.Bool

	mu     sync.Mutex
	asked  time.Time
	answer error
}

// routes are /livez, which only needs the process to run, and /readyz, also
// known as /healthz, which is 503 unless requests would be served now.
func (h *health) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.HandleFunc("GET /healthz", h.ready)
	return mux
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	switch {
	case !h.serving.Load():
		say(w, http.StatusServiceUnavailable, "starting or stopping")
	case h.ping(r.Context()) != nil:
		say(w, http.StatusServiceUnavailable, "the database does not answer")
	default:
		say(w, http.StatusOK, "ready")
	}
}

// ping asks the database, unless it was asked a moment ago.
func (h *health) ping(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now().Sub(h.asked) < pingEvery {
		return h.answer
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	h.answer = h.db.Ping(ctx)
	h.asked = h.now()
	return h.answer
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
