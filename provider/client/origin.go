package client

import (
	"net/http"
	"net/url"
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
	if err == nil && state.Client != nil && hasOrigin(state.Client, origin) {
		web.AllowOrigin(w, origin)
	}
}

func hasOrigin(c *storage.Client, origin string) bool {
	return slices.ContainsFunc(c.Metadata.RedirectURIs, func(uri string) bool {
		u, err := url.Parse(uri)
		return err == nil && u.Host != "" && u.Scheme+"://"+u.Host == origin
	})
}
