package authorize

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// answer sends the response to the client in the mode that the request asks
// for, with its state, if it had one, and our issuer, [RFC 9207].
//
// [RFC 9207]: https://www.rfc-editor.org/rfc/rfc9207
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, f *flow, parameters url.Values) error {
	request := f.request
	if request.StateSent {
		parameters.Set("state", request.State)
	}
	parameters.Set("iss", h.Issuer)
	switch request.Mode() {
	case oauth.FormPost:
		return h.Pages.Render(w, r, http.StatusOK, formPost(f, parameters))
	case oauth.Fragment:
		web.SeeOther(w, request.RedirectURI+"#"+parameters.Encode())
	default:
		web.SeeOther(w, web.WithQuery(request.RedirectURI, parameters))
	}
	return nil
}

func formPost(f *flow, parameters url.Values) consentui.FormPost {
	page := consentui.FormPost{Client: client.Page(f.client), Action: f.request.RedirectURI}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		page.Parameters = append(page.Parameters, consentui.Parameter{Name: name, Value: parameters.Get(name)})
	}
	return page
}

// refuse sends an error to the client, [RFC 6749 §4.1.2.1]. What is our fault
// and may pass, or is about our own pages, is shown to the person instead, who can
// try again.
//
// [RFC 6749 §4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, f *flow, err error) error {
	e := oauth.AsError(err)
	if e.Status() >= http.StatusInternalServerError || f.client.ID == client.AccountID {
		return e // our own pages would only send the person here again
	}
	web.EventOf(r.Context()).Fail(e)
	return h.answer(w, r, f, url.Values{
		"error":             {string(e.Code)},
		"error_description": {e.Description},
	})
}

// redirectMismatchError is what a developer needs to see of a wrong redirect URI.
type redirectMismatchError struct {
	client   *storage.Client
	received string
}

func (m *redirectMismatchError) Error() string { return "redirect_uri of client " + m.client.ID }

// page shows an error to the person.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	web.Outage(w, e)
	if stale, ok := errors.AsType[*expiredError](e); ok {
		var page consentui.Expired
		page.Client, page.ContinueURI = h.wayOn(r.Context(), stale.clientID)
		_ = h.Pages.Render(w, r, http.StatusBadRequest, page)
		return
	}
	event := web.EventOf(r.Context())
	page := consentui.Error{RequestID: event.ID, Time: h.Now()}
	status := e.Status()
	if status < http.StatusInternalServerError {
		status = http.StatusBadRequest // not 401 or 403: a person at a page has no credentials to add
		page.Fault, page.Reason = consentui.FaultRequest, e.Description
	}
	if h.Dev {
		page.Dev = devDetail(e, event.ClientID)
	}
	_ = h.Pages.Render(w, r, status, page)
}

// wayOn is where somebody can begin again who was on the way to the client:
// [OpenID Connect Core §4] has an address for it. There may be none.
//
// [OpenID Connect Core §4]: https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin
func (h *Handler) wayOn(ctx context.Context, clientID string) (consentui.Client, string) {
	if clientID == "" || clientID == client.AccountID {
		return consentui.Client{}, ""
	}
	state, err := h.Directory.ReadDespiteOutage(ctx, storage.Wanted{ClientID: clientID})
	if err != nil || state.Client == nil {
		return consentui.Client{}, ""
	}
	if uri := state.Client.Metadata.InitiateLoginURI; uri != "" {
		return client.Page(state.Client), web.WithQuery(uri, url.Values{"iss": {h.Issuer}})
	}
	return client.Page(state.Client), ""
}

func devDetail(e *oauth.Error, clientID string) *consentui.DevDetail {
	d := &consentui.DevDetail{Code: string(e.Code), Description: e.Description, ClientID: clientID}
	if m, ok := errors.AsType[*redirectMismatchError](e); ok {
		d.ClientID, d.RedirectURI, d.Registered = m.client.ID, m.received, m.client.Metadata.RedirectURIs
	}
	return d
}
