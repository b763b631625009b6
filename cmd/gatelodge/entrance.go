package main

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// entrance stands before the provider while it starts: requests wait for the
// moment that this takes, and get 503 when it is the database that is waited for.
type entrance struct {
	handler atomic.Pointer[http.Handler] // nil until the provider answers
	refusal http.Handler
	decide  func()
	decided chan struct{}
}

func newEntrance(log *slog.Logger) *entrance {
	refusal := web.Handle(web.OAuthJSON, func(http.ResponseWriter, *http.Request) error {
		return oauth.Unavailable(errors.New("the provider has not started yet"))
	})
	decided := make(chan struct{})
	return &entrance{
		refusal: web.Log(log, now)(refusal),
		decided: decided, decide: sync.OnceFunc(func() { close(decided) }),
	}
}

// open lets requests through to the handler.
func (e *entrance) open(h http.Handler) {
	e.handler.Store(&h)
	e.decide()
}

// refuse has requests refused until the entrance is opened.
func (e *entrance) refuse() { e.decide() }

// ServeHTTP implements [http.Handler].
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-e.decided:
	case <-r.Context().Done():
		return
	}
	if h := e.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	e.refusal.ServeHTTP(w, r)
}
