package client

import (
	"net/http"
	"slices"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/storage"
)

// AllowOrigin lets a script read the answer if its origin is that of one of the
// client's redirect URIs. Without an Origin it asks nothing.
func (d *Directory) AllowOrigin(w http.ResponseWriter, r *http.Request, clientID string) {
	origin := r.Header.Get("Origin")
	if origin == "" || clientID == "" {
		return
	}
	state, err := d.Read(r.Context(), storage.Wanted{ClientID: clientID})
	if err == nil && state.Client != nil && HasOrigin(state.Client.Metadata, origin) {
		web.AllowOrigin(w, origin)
	}
}

// HasOrigin: the web origin is that of one of the redirect URIs.
func HasOrigin(m storage.ClientMetadata, origin string) bool {
	return slices.ContainsFunc(m.RedirectURIs, func(uri string) bool { return web.Origin(uri) == origin })
}
