package register

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// read tells a client what is registered, [RFC 7592 §2.1].
//
// [RFC 7592 §2.1]: https://www.rfc-editor.org/rfc/rfc7592#section-2.1
func (h *Handler) read(w http.ResponseWriter, r *http.Request) error {
	c, token, err := h.authenticate(r)
	if err != nil {
		return err
	}
	return web.JSON(w, h.describe(c, "", token))
}

// update replaces all of a client's metadata, [RFC 7592 §2.2]: what the request
// leaves out is gone or has its default.
//
// [RFC 7592 §2.2]: https://www.rfc-editor.org/rfc/rfc7592#section-2.2
func (h *Handler) update(w http.ResponseWriter, r *http.Request) error {
	c, token, err := h.authenticate(r)
	if err != nil {
		return err
	}
	req, err := parse(r)
	if err != nil {
		return err
	}
	if err := h.checkUpdate(c, req); err != nil {
		return err
	}
	ctx := r.Context()
	if c.Metadata, err = h.admit(ctx, req.metadata, privileges{had: &c.Metadata}); err != nil {
		return err
	}
	if err := h.countUpdate(ctx, c.ID); err != nil {
		return err
	}
	if err := h.checkSector(ctx, c.Metadata); err != nil {
		return err
	}
	c.UpdatedAt = h.Now()
	made := h.giveSecret(&c)
	if err := gone(h.Store.UpdateClient(ctx, c)); err != nil {
		return err
	}
	h.Directory.Forget(c.ID)
	web.EventOf(ctx).Note = "client changed its registration"
	return web.JSON(w, h.describe(c, made, token))
}

// checkUpdate checks what an update says beside the metadata, [RFC 7592 §2.2].
//
// [RFC 7592 §2.2]: https://www.rfc-editor.org/rfc/rfc7592#section-2.2
func (h *Handler) checkUpdate(c storage.Client, req *request) error {
	switch {
	case req.managed:
		return oauth.Refuse(oauth.InvalidRequest, "registration_access_token, registration_client_uri, "+
			"client_id_issued_at and client_secret_expires_at must not be sent")
	case req.clientID != c.ID:
		return oauth.Refuse(oauth.InvalidRequest, "client_id must be that of the client")
	case req.clientSecret != "" && !client.SecretKey(h.Secrets).Verify(c.SecretHash, []byte(c.ID), []byte(req.clientSecret)):
		return oauth.Refuse(oauth.InvalidRequest, "client_secret must be the current one, or left out")
	}
	return nil
}

// remove deletes the client with all that was granted to it, [RFC 7592 §2.3].
//
// [RFC 7592 §2.3]: https://www.rfc-editor.org/rfc/rfc7592#section-2.3
func (h *Handler) remove(w http.ResponseWriter, r *http.Request) error {
	c, _, err := h.authenticate(r)
	if err != nil {
		return err
	}
	if err := gone(h.Store.DeleteClient(r.Context(), c.ID)); err != nil {
		return err
	}
	h.Directory.Forget(c.ID)
	web.EventOf(r.Context()).Note = "client deleted its registration"
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// authenticate finds the client that the registration access token is of. A
// wrong token and a client that there is not get the same answer.
func (h *Handler) authenticate(r *http.Request) (storage.Client, string, error) {
	token, id := web.BearerToken(r), chi.URLParam(r, "client_id")
	if token == "" {
		return storage.Client{}, "", oauth.Refuse(oauth.InvalidToken, "")
	}
	if !client.ValidID(id) {
		return storage.Client{}, "", gone(storage.ErrNotFound)
	}
	c, err := h.Store.FindClient(r.Context(), id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return storage.Client{}, "", gone(storage.ErrNotFound) // without the id, which can be a secret in the wrong place
	case err != nil:
		return storage.Client{}, "", gone(err)
	}
	presented := storage.HashOf(token)
	managed := c.RegistrationHash != storage.Hash{} // the operator's clients are not
	expired := !c.ExpiresAt.IsZero() && !h.Now().Before(c.ExpiresAt)
	if !managed || expired || subtle.ConstantTimeCompare(c.RegistrationHash[:], presented[:]) != 1 {
		return storage.Client{}, "", gone(storage.ErrNotFound)
	}
	web.EventOf(r.Context()).ClientID = c.ID
	return c, token, nil
}

// gone makes a refusal of the error that there is no such client, and an outage
// of others.
func gone(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrNotFound):
		return oauth.Refuse(oauth.InvalidToken, "the registration access token is not valid").Because(err)
	default:
		return oauth.Unavailable(err)
	}
}
