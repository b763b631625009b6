package myaccount

import (
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// sessions serves GET /account/sessions.
func (h *Handler) sessions(w http.ResponseWriter, r *http.Request, v *visit) error {
	found, err := h.Store.ListSessions(r.Context(), v.who.User.ID, h.Now())
	if err != nil {
		return oauth.Unavailable(err)
	}
	page := consentui.AccountSessions{Mine: v.mine()}
	for _, s := range found {
		page.Sessions = append(page.Sessions, consentui.AccountSession{
			ID: s.ID, Current: s.ID == v.who.Session.ID, Device: mail.Device(s.UserAgent), Network: mail.Place(s.Network),
			SignedInAt: s.CreatedAt, LastSeen: s.LastSeenAt,
		})
	}
	slices.SortStableFunc(page.Sessions, func(a, b consentui.AccountSession) int { return rank(a) - rank(b) })
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// rank puts the browser first that the person sees this with.
func rank(s consentui.AccountSession) int {
	if s.Current {
		return 0
	}
	return 1
}

// endSession serves POST /account/sessions/end: one of the person's other sessions.
func (h *Handler) endSession(w http.ResponseWriter, r *http.Request, v *visit) error {
	others, err := h.others(r, v)
	if err != nil {
		return err
	}
	id := v.form.Get("session")
	if !slices.Contains(others, id) {
		return notFound()
	}
	return h.end(w, r, v, []string{id}, consentui.DoneSession)
}

// endOtherSessions serves POST /account/sessions/others: all but this one.
func (h *Handler) endOtherSessions(w http.ResponseWriter, r *http.Request, v *visit) error {
	others, err := h.others(r, v)
	if err != nil {
		return err
	}
	if len(others) == 0 {
		return h.back(w, r, v, pathSessions, consentui.DoneSessions)
	}
	return h.end(w, r, v, others, consentui.DoneSessions)
}

// others are the ids of the person's sessions but this one.
func (h *Handler) others(r *http.Request, v *visit) ([]string, error) {
	found, err := h.Store.ListSessions(r.Context(), v.who.User.ID, h.Now())
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	var ids []string
	for _, s := range found {
		if s.ID != v.who.Session.ID {
			ids = append(ids, s.ID)
		}
	}
	return ids, nil
}

func (h *Handler) end(w http.ResponseWriter, r *http.Request, v *visit, ids []string, done consentui.Done) error {
	write := h.write(r, v, account.SessionEnded, "")
	write.Change = &storage.UserChange{UserID: v.who.User.ID, EndSessions: ids}
	if err := h.apply(r, write); err != nil {
		return err
	}
	return h.back(w, r, v, pathSessions, done)
}
