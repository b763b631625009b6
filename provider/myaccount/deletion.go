package myaccount

import (
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// deletion serves GET /account/delete.
func (h *Handler) deletion(w http.ResponseWriter, r *http.Request, v *visit) error {
	return h.Pages.Render(w, r, http.StatusOK, h.deletionAgain(w, r, v))
}

func (h *Handler) deletionAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	return consentui.AccountDelete{Mine: v.mine(), At: h.Now().Add(h.DeletionGrace)}
}

// delete serves POST /account/delete: the account goes when the time of grace is over.
// Until then whoever signs in is asked whether they want to keep it.
func (h *Handler) delete(w http.ResponseWriter, r *http.Request, v *visit) error {
	at := h.Now().Add(h.DeletionGrace)
	write := h.write(r, v, account.DeletionRequested, "")
	write.Change = &storage.UserChange{UserID: v.who.User.ID, DeletesAt: &at}
	write.Mails = h.notice(r, v, mail.DeletionPlanned, func(m *mail.Message) { m.Due = at })
	if err := h.apply(r, write); err != nil {
		return err
	}
	v.leave(w)
	return h.Pages.Render(w, r, http.StatusOK, consentui.AccountDeleting{At: at})
}

// leave takes the person's session, which has ended, out of the browser.
func (v *visit) leave(w http.ResponseWriter) {
	v.browser.Drop(v.who.Session.Hash)
	v.browser.Save(w)
}
