package authorize

import (
	"net/http"
	"strings"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// noteSignIn adds to the write what the person is to know of their sign-in.
func (h *Handler) noteSignIn(r *http.Request, f *flow, from account.Origin) {
	user := &f.who.User
	f.write.Now = h.Now() // after what led to it in this request, such as the use of a link
	account.Entry{
		User: user, KnownDevice: h.Cookies.Knows(r, user.ID), From: from, Language: h.Pages.TextsFor(r).Lang,
		ClientID: f.noted(), App: f.client.Metadata.ClientName,
	}.Note(&f.write, h.Notices)
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
