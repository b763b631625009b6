package myaccount

import (
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// apps serves GET /account/apps.
func (h *Handler) apps(w http.ResponseWriter, r *http.Request, v *visit) error {
	found, err := h.Store.ListConnections(r.Context(), v.who.User.ID, h.Now())
	if err != nil {
		return oauth.Unavailable(err)
	}
	catalogue, err := h.Directory.Catalogue(r.Context()) // read with the sessions
	if err != nil {
		return oauth.Unavailable(err)
	}
	page := consentui.AccountApps{Mine: v.mine()}
	for _, c := range found {
		app := consentui.AccountConnection{ID: c.Client.ID, Client: client.Page(&c.Client), Since: c.Since, LastUsed: c.LastUsedAt}
		for _, scope := range c.Scopes {
			app.Scopes = append(app.Scopes, consentui.Scope{Name: scope, Description: client.Description(catalogue, scope)})
		}
		page.Apps = append(page.Apps, app)
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// disconnect serves POST /account/apps/disconnect.
func (h *Handler) disconnect(w http.ResponseWriter, r *http.Request, v *visit) error {
	found, err := h.Store.ListConnections(r.Context(), v.who.User.ID, h.Now())
	if err != nil {
		return oauth.Unavailable(err)
	}
	id := v.form.Get("app")
	if !slices.ContainsFunc(found, func(c storage.Connection) bool { return c.Client.ID == id }) {
		return notFound()
	}
	write := h.write(r, v, account.AppDisconnected, id)
	write.Change = &storage.UserChange{UserID: v.who.User.ID, Disconnect: id}
	if err := h.apply(r, write); err != nil {
		return err
	}
	return h.back(w, r, v, pathApps, consentui.DoneApp)
}
