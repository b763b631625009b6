// Package token owns the endpoints that a client calls itself, with its own
// credentials: token, introspection and revocation. What a token request leads
// to is decided by provider/engine; what a token is worth, by
// provider/accesstoken.
package token

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Store is what introspection and revocation write.
type Store interface {
	Apply(context.Context, storage.Write) error
	RevokeGrant(ctx context.Context, grantID string, at time.Time) error
	RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error
}

// Engine exchanges grants for tokens.
type Engine interface {
	Exchange(context.Context, engine.TokenRequest) (*oauth.TokenResponse, error)
}

// Handler serves the endpoints.
type Handler struct {
	Engine     Engine
	Store      Store
	Directory  *client.Directory
	ClientAuth *clientauth.Authenticator
	Tokens     *accesstoken.Verifier
	// Network names where a request comes from.
	Network func(*http.Request) string
	Now     func() time.Time
}

// Routes registers the endpoints.
func (h *Handler) Routes(r chi.Router) {
	r.Post("/token", web.Handle(web.OAuthJSON, h.token))
	r.Options("/token", web.Preflight)
	r.Post("/revoke", web.Handle(web.OAuthJSON, h.revoke))
	r.Options("/revoke", web.Preflight)
	r.Post("/introspect", web.Handle(web.OAuthJSON, h.introspect))
}

// token serves the token endpoint, [RFC 6749 §3.2].
//
// [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
func (h *Handler) token(w http.ResponseWriter, r *http.Request) error {
	form, credentials, err := h.parse(w, r)
	if err != nil {
		return err
	}
	web.EventOf(r.Context()).GrantType = grantType(form)
	response, err := h.Engine.Exchange(r.Context(), engine.TokenRequest{
		Form: form, Credentials: credentials, Network: h.Network(r),
	})
	if err != nil {
		return err
	}
	return web.JSON(w, response)
}

// parse reads the body and who claims to send it.
func (h *Handler) parse(w http.ResponseWriter, r *http.Request) (url.Values, clientauth.Credentials, error) {
	form, err := web.Form(r, "resource")
	if err != nil {
		return nil, clientauth.Credentials{}, err
	}
	credentials, err := clientauth.Identify(r, form)
	if err != nil {
		return nil, clientauth.Credentials{}, err
	}
	h.Directory.AllowOrigin(w, r, credentials.ClientID)
	return form, credentials, nil
}

// grantType is the grant type for the log: one of a closed set.
func grantType(form url.Values) string {
	switch t := form.Get("grant_type"); t {
	case "authorization_code", "refresh_token", "client_credentials", "password":
		return t
	default:
		return "other"
	}
}
