// Package authapi serves the JSON API by which the operator's own applications sign
// people in with forms of theirs: under /api/auth, off unless it is switched on. It
// owns who may call it, its forms and answers; what it does is what the pages do, by
// the same verbs of provider/account and provider/factor, under the same counters.
//
// What needs a page of ours is not done here: passkeys, which belong to the origin of
// the provider, adding a first factor, and keeping an account that was to be deleted.
// The answer then is to go through /authorize.
package authapi

import (
	"context"
	_ "embed" // for the description of the API
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// Store is what the API asks of storage itself.
type Store interface {
	Apply(ctx context.Context, w storage.Write) error
	EndSessions(ctx context.Context, ids []string, at time.Time) ([]storage.SignedOut, error)
}

// Handler serves the API.
type Handler struct {
	Store         Store
	Directory     *client.Directory
	Engine        *engine.Engine
	Authenticator *account.Authenticator
	Factors       *factor.Keeper
	// Links mail what proves an address; nil if there is no mail.
	Links *account.Links
	// SignUp: people can make accounts.
	SignUp  bool
	Cookies *session.Cookies
	// Continuations seals what was proved before a second factor is.
	Continuations *secret.Key
	// Notices seals what people are told by mail.
	Notices mail.Sealer
	// SignedOut is called when clients have to hear of the end of a session.
	SignedOut func()
	// Language is the best one for whoever sends the request.
	Language func(*http.Request) string
	Network  func(*http.Request) string
	// SessionLifetime is that of a session that is remembered, and
	// BrowserSessionLifetime that of any other.
	SessionLifetime, BrowserSessionLifetime time.Duration
	Now                                     func() time.Time
}

// path is where the API is.
const path = "/api/auth"

//go:embed openapi.json
var description []byte

// Routes registers the endpoints.
func (h *Handler) Routes(r chi.Router) {
	r.Route(path, func(r chi.Router) {
		r.Use(web.NoStore)
		r.Get("/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			_, _ = w.Write(description)
		})
		for endpoint, serve := range map[string]func(http.ResponseWriter, *http.Request, *call) error{
			"/sign-up":         h.signUp,
			"/sign-up/verify":  h.verifySignUp,
			"/sign-in":         h.signIn,
			"/sign-in/factor":  h.proveFactor,
			"/sign-out":        h.signOut,
			"/token":           h.token,
			"/password/forgot": h.forgot,
			"/password/reset":  h.reset,
			"/email/verify":    h.verifyEmail,
		} {
			r.Post(endpoint, h.serve(serve))
			r.Options(endpoint, h.preflight)
		}
		r.Get("/session", h.serve(h.session))
		r.Options("/session", h.preflight)
	})
}
