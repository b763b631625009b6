package token

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Introspection is what is told of a token, [RFC 7662 §2.2]: of one that is not
// good, or not the caller's business, only that it is not active.
//
// [RFC 7662 §2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
type Introspection struct {
	Active bool `json:"active"`
	*accesstoken.Claims
	TokenType string `json:"token_type,omitempty"`
}

// introspect serves the introspection endpoint, [RFC 7662 §2], in one round
// trip when the client authenticates with a secret.
//
// [RFC 7662 §2]: https://www.rfc-editor.org/rfc/rfc7662#section-2
func (h *Handler) introspect(w http.ResponseWriter, r *http.Request) error {
	found, err := h.lookUp(w, r)
	if err != nil {
		return err
	}
	if client.IsPublic(found.caller) {
		return oauth.Refuse(oauth.InvalidClient, "a public client may not introspect tokens")
	}
	claims, tokenType := found.claims(h.Now())
	if claims == nil {
		return web.JSON(w, Introspection{})
	}
	allowed, err := h.mayIntrospect(r.Context(), found.caller, claims)
	if err != nil {
		return err
	}
	if !allowed {
		return web.JSON(w, Introspection{})
	}
	return web.JSON(w, Introspection{Active: true, Claims: claims, TokenType: tokenType})
}

// mayIntrospect: the client that the token was issued to, the token's audience,
// and the resource servers that the operator registered with a client.
func (h *Handler) mayIntrospect(ctx context.Context, caller *storage.Client, claims *accesstoken.Claims) (bool, error) {
	if caller.ID == claims.ClientID || slices.Contains(claims.Audience, caller.ID) {
		return true, nil
	}
	catalogue, err := h.Directory.Catalogue(ctx)
	if err != nil {
		return false, oauth.Unavailable(err)
	}
	return slices.ContainsFunc(catalogue.ResourceServers, func(s storage.ResourceServer) bool {
		return s.ClientID == caller.ID
	}), nil
}
