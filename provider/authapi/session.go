package authapi

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// session serves GET /api/auth/session: who is signed in, null if nobody is.
func (h *Handler) session(w http.ResponseWriter, r *http.Request, c *call) error {
	who, err := h.person(r)
	if errors.Is(err, errNobody) {
		return web.JSON(w, map[string]any{"session": nil})
	}
	if err != nil {
		return err
	}
	return web.JSON(w, map[string]any{"session": view(c.client, *who)})
}

// signOut serves POST /api/auth/sign-out: the session ends, and so do its tokens and
// what other applications have of it.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := c.read(&struct{}{}); err != nil {
		return err
	}
	who, err := h.person(r)
	if err != nil && !errors.Is(err, errNobody) {
		return err
	}
	if err == nil {
		if _, err := h.Store.EndSessions(r.Context(), []string{who.Session.ID}, h.Now()); err != nil {
			return oauth.Unavailable(err)
		}
		browser := h.Cookies.Browser(r)
		browser.Drop(who.Session.Hash)
		browser.Save(w)
		event := web.EventOf(r.Context())
		event.Note, event.Subject = "signed out", who.User.ID
		h.SignedOut()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// token serves POST /api/auth/token: an access token of the application's for whoever
// is signed in, with scopes and resources ([RFC 8707]) that it is registered for.
//
// [RFC 8707]: https://www.rfc-editor.org/rfc/rfc8707
func (h *Handler) token(w http.ResponseWriter, r *http.Request, c *call) error {
	var form struct {
		Scope    string   `json:"scope"`
		Resource []string `json:"resource"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	who, err := h.person(r)
	if err != nil {
		return err
	}
	if !h.enough(c, who.Session.AMR) {
		return problem(errPage)
	}
	a := engine.Authorization{Client: c.client, User: &who.User, Session: &who.Session}
	if err := h.scope(r, &a, strings.Fields(form.Scope), form.Resource); err != nil {
		return err
	}
	write := storage.Write{Key: rand.Text(), Now: h.Now(), Verified: &storage.Verified{
		UserID: who.User.ID, PasswordHash: who.User.PasswordHash, SessionID: who.Session.ID,
	}}
	issued, err := h.Engine.Issue(r.Context(), a, &write)
	if err != nil {
		return err
	}
	switch err := h.Store.Apply(r.Context(), write); {
	case errors.Is(err, storage.ErrSpent), errors.Is(err, storage.ErrNotFound):
		return problem(errors.Join(errNobody, err)) // signed out in the meantime
	case err != nil:
		return oauth.Unavailable(err)
	}
	web.EventOf(r.Context()).Subject = who.User.ID
	expires, _ := strconv.Atoi(issued.Get("expires_in")) // the engine writes a number
	return web.JSON(w, map[string]any{
		"access_token": issued.Get("access_token"), "token_type": issued.Get("token_type"),
		"expires_in": expires, "scope": issued.Get("scope"),
	})
}

// scope grants the scopes that the client may have, and the audience that they are for.
func (h *Handler) scope(r *http.Request, a *engine.Authorization, scopes, resources []string) error {
	catalogue, err := h.Directory.Catalogue(r.Context())
	if err != nil {
		return oauth.Unavailable(err)
	}
	a.Scopes = slices.DeleteFunc(client.Allowed(a.Client, catalogue, scopes), func(s string) bool { return s == "offline_access" })
	if len(a.Scopes) == 0 {
		return oauth.Refuse(oauth.InvalidScope, "scope has none that this client may ask for")
	}
	a.Audience, err = client.Audience(a.Client, catalogue, a.Scopes, resources, h.Engine.Config.Issuer)
	return err
}
