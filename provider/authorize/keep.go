package authorize

import (
	"net/http"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// leaving: the person has asked for their account to be deleted.
func (f *flow) leaving() bool { return !f.who.User.DeletesAt.IsZero() }

// askToKeep asks whether they want to keep it after all: nobody goes on to an
// application with an account that is about to go.
func (h *Handler) askToKeep(w http.ResponseWriter, r *http.Request, f *flow) error {
	if f.request.Prompts("none") {
		return h.refuse(w, r, f, oauth.Refuse(oauth.InteractionRequired, "the account is about to be deleted"))
	}
	if err := h.commit(w, r, f); err != nil {
		return err
	}
	step, err := h.seal(w, r, f, pending{User: f.who.User.ID})
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, consentui.KeepAccount{
		Step: step, Person: account.Page(&f.who.User), At: f.who.User.DeletesAt,
	})
}

// keep serves POST /login/keep: the person's decision.
func (h *Handler) keep(w http.ResponseWriter, r *http.Request, f *flow) error {
	if !f.resumeSignIn(h.Now()) || !f.leaving() {
		return h.next(w, r, f)
	}
	if f.form.Get("decision") != "keep" {
		return h.letGo(w, r, f)
	}
	stays := time.Time{}
	f.write.Change = &storage.UserChange{UserID: f.who.User.ID, DeletesAt: &stays}
	f.write.Activity = append(f.write.Activity,
		account.Happened(f.who.User.ID, account.DeletionCancelled, "", h.origin(r), f.write.Now))
	if err := h.commit(w, r, f); err != nil {
		return err
	}
	f.who.User.DeletesAt = stays
	return h.next(w, r, f)
}

// letGo ends the session of who stays with their decision.
func (h *Handler) letGo(w http.ResponseWriter, r *http.Request, f *flow) error {
	if _, err := h.Store.EndSessions(r.Context(), []string{f.who.Session.ID}, f.write.Now); err != nil {
		return oauth.Unavailable(err)
	}
	web.EventOf(r.Context()).Subject = f.who.User.ID
	f.browser.Drop(f.who.Session.Hash)
	f.browser.Save(w)
	if f.client.ID == client.AccountID {
		return h.Pages.Render(w, r, http.StatusOK, consentui.AccountDeleting{At: f.who.User.DeletesAt})
	}
	return h.refuse(w, r, f, oauth.Refuse(oauth.AccessDenied, "the person did not keep the account"))
}
