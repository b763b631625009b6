package myaccount

import (
	"net/http"
	"net/url"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// eventsPerPage is how many events a page has.
const eventsPerPage = 50

// activity serves GET /account/activity, from the time "before" back.
func (h *Handler) activity(w http.ResponseWriter, r *http.Request, v *visit) error {
	before, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("before"))
	later := err == nil && before.Before(h.Now())
	if !later {
		before = h.Now().Add(time.Second) // what has just happened included
	}
	found, err := h.Store.ListActivity(r.Context(), v.who.User.ID, before, eventsPerPage+1)
	if err != nil {
		return oauth.Unavailable(err)
	}
	page := consentui.AccountActivity{Mine: v.mine(), Later: later}
	if len(found) > eventsPerPage {
		found = found[:eventsPerPage]
		oldest := found[len(found)-1].At.UTC().Format(time.RFC3339Nano)
		page.Older = pathActivity + "?" + url.Values{"before": {oldest}}.Encode()
	}
	for _, a := range found {
		page.Events = append(page.Events, consentui.AccountEvent{
			Event: a.Event, App: a.ClientName, Device: mail.Device(a.UserAgent), Network: mail.Place(a.Network), At: a.At,
		})
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}
