package logout

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// end ends the sessions, in storage first, then in the browser, then at the
// clients, and sends the browser on.
func (h *Handler) end(w http.ResponseWriter, r *http.Request, f *flow, sessions []storage.Session) error {
	var told []storage.SignedOut
	if len(sessions) > 0 {
		ids, people := make([]string, 0, len(sessions)), make([]string, 0, len(sessions))
		for _, s := range sessions {
			ids, people = append(ids, s.ID), append(people, s.UserID)
		}
		var err error
		if told, err = h.Store.EndSessions(r.Context(), ids, h.Now()); err != nil {
			return oauth.Unavailable(err)
		}
		event := web.EventOf(r.Context())
		event.Note, event.Subject = "signed out", strings.Join(people, " ")
		h.Deliverer.Kick()
	}
	if f.elsewhere {
		// Frames in this browser would tell the clients nothing, and whoever has
		// the ID token of one which others the person uses.
		told = nil
	}
	h.forget(w, f, sessions)
	return h.leave(w, r, f, told)
}

// forget takes the sessions out of the browser, and those that had ended already.
func (h *Handler) forget(w http.ResponseWriter, f *flow, ended []storage.Session) {
	var kept []storage.Hash
	for _, p := range f.everybody {
		s := p.Session
		if slices.ContainsFunc(ended, func(e storage.Session) bool { return e.ID == s.ID }) {
			continue
		}
		kept = append(kept, s.Hash)
	}
	gone := slices.DeleteFunc(f.browser.Sessions(), func(s storage.Hash) bool { return slices.Contains(kept, s) })
	if len(gone) > 0 {
		f.browser.Drop(gone...)
		f.browser.Save(w)
	}
}

// leave sends the browser back to the client, through a page with the frames of
// the clients that are told so, [OpenID Connect Front-Channel Logout §3].
//
// [OpenID Connect Front-Channel Logout §3]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, f *flow, told []storage.SignedOut) error {
	to, asking := f.destination(), client.Page(f.client)
	if len(told) > 0 {
		return h.Pages.Render(w, r, http.StatusOK, consentui.SigningOut{
			Client: asking, ContinueURI: to, FrameURIs: h.frames(told),
		})
	}
	if to == "" {
		return h.Pages.Render(w, r, http.StatusOK, consentui.SignedOut{Client: asking})
	}
	web.SeeOther(w, to)
	return nil
}

// frames are the addresses that tell the clients, with iss and sid in any case,
// [OpenID Connect Front-Channel Logout §2].
//
// [OpenID Connect Front-Channel Logout §2]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout
func (h *Handler) frames(told []storage.SignedOut) []string {
	uris := make([]string, 0, len(told))
	for _, c := range told {
		uris = append(uris, web.WithQuery(c.Client.Metadata.FrontchannelLogoutURI, url.Values{
			"iss": {h.Issuer}, "sid": {c.SID},
		}))
	}
	return uris
}

// redirectMismatchError is what a developer needs to see of a wrong
// post_logout_redirect_uri.
type redirectMismatchError struct {
	client   *storage.Client
	received string
}

func (m *redirectMismatchError) Error() string {
	return "post_logout_redirect_uri of client " + m.client.ID
}

// page shows an error to the person.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	web.Outage(w, e)
	event := web.EventOf(r.Context())
	page := consentui.Error{RequestID: event.ID, Time: h.Now()}
	status := e.Status()
	if status < http.StatusInternalServerError {
		status = http.StatusBadRequest
		page.Fault, page.Reason = consentui.FaultSignOut, e.Description
	}
	if h.Dev {
		page.Dev = &consentui.DevDetail{Code: string(e.Code), Description: e.Description, ClientID: event.ClientID}
		if m, ok := errors.AsType[*redirectMismatchError](e); ok {
			page.Dev.RedirectURI, page.Dev.Registered = m.received, m.client.Metadata.PostLogoutRedirectURIs
		}
	}
	_ = h.Pages.Render(w, r, status, page)
}
