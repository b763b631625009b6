package myaccount

import (
	"net/http"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// notice is the mail that tells the person of a change, at the address that is their
// own; none if there is no such address.
func (h *Handler) notice(r *http.Request, v *visit, kind mail.Kind, say func(*mail.Message)) []storage.Mail {
	m := account.Notice(kind, &v.who.User, h.origin(r), h.Now())
	if m.To == "" {
		return nil
	}
	say(&m)
	return []storage.Mail{h.Notices.Seal(m)}
}

// asItIs adds nothing to a notice.
func asItIs(*mail.Message) {}
