package logout

import (
	"encoding/json"
	"net/http"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// pending is a logout request that waits in a page for its person. It is sealed,
// and bound to the browser, so that nobody else can answer for them.
type pending struct {
	// Request is the request, encoded.
	Request string    `json:"r"`
	Started time.Time `json:"t"`
}

// ask asks the person, who may not have wanted this,
// [OpenID Connect RP-Initiated Logout §2].
//
// [OpenID Connect RP-Initiated Logout §2]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, f *flow) error {
	plain, err := json.Marshal(pending{Request: f.form.Encode(), Started: h.Now()})
	if err != nil {
		return err
	}
	page := consentui.SignOut{
		Client: client.Page(f.client), ContinueURI: f.redirectURI,
		Request: h.Cookies.Seal(w, r, h.Pending, plain), UILocales: f.form.Get("ui_locales"),
	}
	sessions := make([]string, 0, len(f.people))
	for _, p := range f.people {
		page.People, sessions = append(page.People, account.Page(&p.User)), append(sessions, p.Session.ID)
	}
	apps, err := h.Store.ListSessionClients(r.Context(), sessions)
	if err != nil {
		return oauth.Unavailable(err)
	}
	for _, app := range apps {
		page.Apps = append(page.Apps, client.Page(&app))
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// confirmed serves POST /logout: the person's decision. It is about those who are
// signed in now.
func (h *Handler) confirmed(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r)
	if err != nil {
		return err
	}
	request, ok := h.resume(r, form.Get("request"))
	if !ok { // of another browser, or too old: they are asked anew
		web.SeeOther(w, h.Issuer+"/end_session")
		return nil
	}
	parameters, err := parse(request)
	if err != nil {
		return err
	}
	f, err := h.begin(r, parameters)
	if err != nil {
		return err
	}
	if form.Get("decision") != "sign-out" {
		return h.Pages.Render(w, r, http.StatusOK, consentui.StillSignedIn{
			Client: client.Page(f.client), ContinueURI: f.destination(),
		})
	}
	sessions := make([]storage.Session, 0, len(f.people))
	for _, p := range f.people {
		sessions = append(sessions, p.Session)
	}
	return h.end(w, r, f, sessions)
}

// resume opens what ask sealed for this browser.
func (h *Handler) resume(r *http.Request, sealed string) (request string, ok bool) {
	var p pending
	plain, err := h.Cookies.Open(r, h.Pending, sealed)
	if err != nil || json.Unmarshal(plain, &p) != nil || h.Now().Sub(p.Started) > h.PendingLifetime {
		return "", false
	}
	return p.Request, true
}
