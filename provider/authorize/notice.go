package authorize

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// newAccount is for how long after an account was made all devices are new, so that
// nobody needs to be told: the time that it takes to sign up.
const newAccount = 15 * time.Minute

// noteSignIn adds to the write what the person is to know of their sign-in, by mail
// too if it is with a device that they have not signed in with before: it may not
// have been they.
func (h *Handler) noteSignIn(r *http.Request, f *flow, from account.Origin) {
	user, now, event := &f.who.User, f.write.Now, account.SignedIn
	if !h.Cookies.Knows(r, user.ID) && now.Sub(user.CreatedAt) > newAccount {
		event = account.SignedInNewDevice
		notice := account.Notice(mail.NewDevice, user, from, now)
		notice.Languages = append(notice.Languages, h.Pages.TextsFor(r).Lang)
		notice.App = f.client.Metadata.ClientName
		if h.Notices != nil && notice.To != "" {
			f.write.Mails = append(f.write.Mails, h.Notices.Seal(notice))
		}
	}
	f.write.Activity = append(f.write.Activity, account.Happened(user.ID, event, f.noted(), from, now))
}

// noted is the client that something happened for, "" for our own.
func (f *flow) noted() string {
	if f.client.ID == client.AccountID {
		return ""
	}
	return f.client.ID
}

// speak has the browser remember the language of who has signed in.
func (h *Handler) speak(w http.ResponseWriter, u *storage.User) {
	locale := u.Claims.Locale
	if base, _, _ := strings.Cut(locale, "-"); locale != "" && !h.Pages.RememberLanguage(w, locale) {
		h.Pages.RememberLanguage(w, base)
	}
}
