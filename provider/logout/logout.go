// Package logout owns the end of sessions: the endpoint that applications send
// people to who sign out there, OpenID Connect RP-Initiated Logout, the page that
// asks them, and how the other applications of the session learn of it: by frames
// in the browser, OpenID Connect Front-Channel Logout, and by calls of ours,
// OpenID Connect Back-Channel Logout. It also serves the frame by which they can
// ask themselves, OpenID Connect Session Management.
//
// What ends with a session is the storage's affair, and so is that no call is
// forgotten: it keeps a notice for each client until the [Deliverer] has delivered
// it. The package does not own cookies (provider/session) or markup (consent-ui).
package logout

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/idtoken"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// Store is what ends sessions.
type Store interface {
	EndSessions(ctx context.Context, ids []string, at time.Time) ([]storage.SignedOut, error)
	FindSessionClient(ctx context.Context, sid string) (storage.SessionClient, storage.Session, error)
	ListSessionClients(ctx context.Context, sessions []string) ([]storage.Client, error)
}

// Handler serves the endpoints and their pages.
type Handler struct {
	Issuer    string
	Store     Store
	Directory *client.Directory
	Hints     *idtoken.Reader
	Cookies   *session.Cookies
	Pages     *consentui.Pages
	// Deliverer tells the clients that are called.
	Deliverer *Deliverer
	// Pending seals requests that wait in a page for their person, for at most
	// PendingLifetime.
	Pending         *secret.Key
	PendingLifetime time.Duration
	// Dev shows developers on error pages what was wrong.
	Dev bool
	Now func() time.Time
}

// Routes registers the endpoints. Other sites send browsers to the first by GET
// and by POST, and may frame the last, which shows nothing.
func (h *Handler) Routes(r chi.Router) {
	r.Get("/end_session", web.Handle(h.page, h.endSession))
	r.Post("/end_session", web.Handle(h.page, h.endSessionPost))
	r.With(web.OwnForms(h.Issuer, h.page)).Post("/logout", web.Handle(h.page, h.confirmed))
	r.Get(consentui.SignedOutPath, web.Handle(h.page, func(w http.ResponseWriter, r *http.Request) error {
		return h.Pages.Render(w, r, http.StatusOK, consentui.SignedOut{})
	}))
	r.Get("/check_session", web.Handle(h.page, func(w http.ResponseWriter, r *http.Request) error {
		return h.Pages.Render(w, r, http.StatusOK, consentui.CheckSession{Cookie: h.Cookies.StateCookie()})
	}))
}

// endSession serves GET /end_session, [OpenID Connect RP-Initiated Logout §2].
//
// [OpenID Connect RP-Initiated Logout §2]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
func (h *Handler) endSession(w http.ResponseWriter, r *http.Request) error {
	form, err := parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return h.serve(w, r, form)
}

// endSessionPost serves POST /end_session. A browser is sent to the same request
// as a GET: on a form posted by another site it leaves out the session cookie,
// which is SameSite=Lax. A browser says where the form comes from; whoever does
// not is a program, which has no cookies and may not follow.
func (h *Handler) endSessionPost(w http.ResponseWriter, r *http.Request) error {
	encoded, err := web.Body(r)
	if err != nil {
		return err
	}
	form, err := parse(encoded)
	if err != nil {
		return err
	}
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		web.SeeOther(w, h.Issuer+"/end_session?"+form.Encode())
		return nil
	}
	return h.serve(w, r, form)
}

func parse(encoded string) (url.Values, error) {
	if len(encoded) > web.MaxQuery {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the sign-out request is too long")
	}
	return web.Parameters(encoded)
}

// serve ends the session that the hint proves, or asks the person. Who is signed
// in and does not belong to the hint is asked as well.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, form url.Values) error {
	f, err := h.begin(r, form)
	if err != nil {
		return err
	}
	if err := h.prove(r.Context(), f); err != nil {
		return err
	}
	switch {
	case len(f.proven) == 0 && len(f.people) > 0:
		return h.ask(w, r, f)
	case f.hint == nil:
		// Nobody is signed in, and nothing proves that they come from the
		// application: a link leads there, and the browser does not go by itself.
		h.forget(w, f, nil)
		return h.Pages.Render(w, r, http.StatusOK, consentui.SignedOut{
			Client: client.Page(f.client), ContinueURI: f.destination(),
		})
	}
	return h.end(w, r, f, f.proven)
}
