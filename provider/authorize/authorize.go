// Package authorize owns the authorization endpoint and the steps that a person
// takes there: it validates the request, finds out who the person is, signs them in
// or up, by a password, a passkey or a mailed link, has them prove a second factor,
// asks for consent and answers the client. Mailed links lead here too, whatever they
// are for.
//
// One dispatcher, next, looks at what is known and chooses the step that is
// missing. Steps lead back to it and never to each other. Until a person has
// signed in nothing is stored: the pending request travels in the page, sealed.
//
// It does not issue the response, which provider/engine does, nor own request
// objects (provider/requestobject), passwords and links (provider/account), other
// factors (provider/factor), cookies (provider/session) or markup (consent-ui).
package authorize

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/idtoken"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/requestobject"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// Store is what the endpoint writes with.
type Store interface {
	Apply(context.Context, storage.Write) error
	EndSessions(ctx context.Context, ids []string, at time.Time) ([]storage.SignedOut, error)
	FindFactors(ctx context.Context, userID string) (storage.Factors, error)
}

// Engine issues responses.
type Engine interface {
	Authorize(context.Context, engine.Authorization, *storage.Write) (url.Values, error)
}

// Handler serves the endpoint and its pages.
type Handler struct {
	Issuer    string
	Store     Store
	Directory *client.Directory
	Engine    Engine
	Hints     *idtoken.Reader
	// RequestObjects are what signed requests are read with.
	RequestObjects *requestobject.Resolver
	Authenticator  *account.Authenticator
	// Factors are the rules of second factors.
	Factors *factor.Keeper
	// Links prove people's addresses; nil if there is no mail.
	Links *account.Links
	// SignUp lets people make accounts, and MagicLink sign in by mail. Both need Links.
	SignUp, MagicLink bool
	// Implicit allows the response types with tokens in the front channel.
	Implicit bool
	Cookies  *session.Cookies
	// Notices seals mails about what happens to an account.
	Notices mail.Sealer
	Pages   *consentui.Pages
	// IdentifierFirst asks for the password on a page of its own.
	IdentifierFirst bool
	// Pending seals requests that wait in a page for their person, for at most
	// PendingLifetime.
	Pending         *secret.Key
	PendingLifetime time.Duration
	// SessionLifetime is for how long somebody stays signed in who wants to be
	// remembered, and BrowserSessionLifetime for how long at most anybody else does
	// whose browser is never closed.
	SessionLifetime, BrowserSessionLifetime time.Duration
	// Network names where a request comes from.
	Network func(*http.Request) string
	// Dev shows developers on error pages what was wrong.
	Dev bool
	Now func() time.Time
}

// Routes registers the endpoint. Other sites send browsers there, by GET and by
// POST, OpenID Connect Core §3.1.2.1, and see no page of ours in a frame.
func (h *Handler) Routes(r chi.Router) {
	r.Get("/authorize", web.Handle(h.page, h.authorize))
	r.Post("/authorize", web.Handle(h.page, h.authorizePost))
	r.Group(func(r chi.Router) {
		r.Use(web.OwnForms(h.Issuer, h.page))
		steps := map[string]web.Handler{
			"/login":            h.resumeUnread(h.login),
			"/login/identifier": h.resumeUnread(h.identifier),
			"/login/switch":     h.resumeUnread(h.switchAccount),
			"/login/choose":     h.resume(h.choose),
			"/login/forget":     h.resume(h.forget),
			"/consent":          h.resume(h.consent),
			// Whatever step it is, it is shown again in the language.
			consentui.StepLanguagePath: h.resume(h.again),

			"/login/passkey":     h.resumeUnread(h.passkey),
			"/login/factor":      h.resumeUnread(h.factor),
			"/login/factor/new":  h.resumeUnread(h.enrol),
			"/login/passkey/new": h.resume(h.newPasskey),
			"/login/continue":    h.resume(h.proceed),
			"/login/keep":        h.resume(h.keep),
		}
		if h.Links != nil {
			for path, step := range h.mailSteps() {
				steps[path] = h.resume(step)
			}
			r.Get("/link", web.Handle(h.page, h.openLink))
			r.Head("/link", web.Handle(h.page, h.openLink))
			r.Post("/link", web.Handle(h.page, h.useLink))
		}
		for path, step := range steps {
			r.Post(path, web.Handle(h.page, step))
			// Whoever comes back to the address alone has no request any more.
			r.Get(path, web.Handle(h.page, func(http.ResponseWriter, *http.Request) error { return expired("") }))
		}
	})
}

// flow is one authorization request on its way through the steps.
type flow struct {
	request *oauth.AuthorizationRequest
	// fault is what is wrong with the request object, nil if nothing is.
	fault  error
	client *storage.Client
	// scopes, audience and claims are what the client will get, if the person
	// agrees.
	scopes   []string
	audience []string
	claims   claims.Request
	// hint is the sub that id_token_hint or claims demands, "" without one.
	hint string
	// started is when the request first arrived, from which max_age counts.
	started time.Time

	// form is that of the page that carried the request here, and page what we had
	// sealed into it; empty at first.
	form url.Values
	page pending

	// browser is what the person's browser presents, and people those who are
	// signed in in it, the latest first.
	browser *session.Browser
	people  []storage.SignedIn
	// signedOut are those who were, and whom the browser lists.
	signedOut []session.Person
	// who is the one of them that the request is about, nil if there is none.
	who *storage.SignedIn
	// chosen: the person has chosen who they are in this very request, and
	// signedIn: they have proved it.
	chosen, signedIn bool
	// remember: they want to stay signed in when the browser is closed.
	remember bool
	// approved: the person has just allowed what is asked for.
	approved bool

	// demand is how the person has to have signed in, and owing is who has proved a
	// part of that, nil if nobody has.
	demand demand
	owing  *owing
	// offer: the person has signed in with a password, in a browser that knows
	// better.
	offer bool
	// unknown is the passkey that somebody has tried to sign in with and nobody has.
	unknown []byte

	// write is what the steps so far have to store. signIn is the sign-in that
	// the browser is told of once it is stored.
	write  storage.Write
	signIn *signIn
}

// authorize serves GET /authorize, [RFC 6749 §3.1]. With a live session and
// remembered consent it takes one read and one write.
//
// [RFC 6749 §3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) error {
	form, err := parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	f, err := h.begin(r, pending{Request: form.Encode(), Started: h.Now()})
	if err != nil {
		return err
	}
	if err := h.check(r.Context(), f); err != nil {
		return h.refuse(w, r, f, err)
	}
	f.identify("")
	return h.next(w, r, f)
}

func parse(encoded string) (url.Values, error) {
	if len(encoded) > web.MaxQuery {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the authorization request is too long")
	}
	form, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the parameters are not properly encoded").Because(err)
	}
	return form, nil
}

// authorizePost serves POST /authorize by sending the browser to the same
// request as a GET: on a form posted by another site the browser leaves out the
// session cookie, which is SameSite=Lax.
func (h *Handler) authorizePost(w http.ResponseWriter, r *http.Request) error {
	encoded, err := web.Body(r)
	if err != nil {
		return err
	}
	form, err := parse(encoded)
	if err != nil {
		return err
	}
	web.SeeOther(w, h.Issuer+"/authorize?"+form.Encode())
	return nil
}

// begin finds the client and who is signed in in one read, and proves that the
// response may go to the redirect URI: errors until then are shown on a page,
// [RFC 6749 §4.1.2.1].
//
// [RFC 6749 §4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
func (h *Handler) begin(r *http.Request, p pending) (*flow, error) {
	return h.open(r, p, h.Cookies.Browser(r).Sessions())
}

// beginUnread is begin without who is signed in.
func (h *Handler) beginUnread(r *http.Request, p pending) (*flow, error) { return h.open(r, p, nil) }

func (h *Handler) open(r *http.Request, p pending, sessions []storage.Hash) (*flow, error) {
	form, err := parse(p.Request)
	if err != nil {
		return nil, err
	}
	clientID := form.Get("client_id")
	if len(form["client_id"]) > 1 || len(form["redirect_uri"]) > 1 {
		return nil, oauth.Refuse(oauth.InvalidRequest, "client_id or redirect_uri was sent more than once")
	}
	if clientID == "" {
		return nil, oauth.Refuse(oauth.InvalidRequest, "client_id is missing")
	}
	state, err := h.read(r.Context(), clientID, sessions)
	if err != nil {
		return nil, err
	}
	web.EventOf(r.Context()).ClientID = clientID
	f := &flow{
		client: state.Client, started: p.Started, browser: h.Cookies.Browser(r), people: state.Sessions,
		write: storage.Write{Now: h.Now()},
	}
	f.signedOut = slices.DeleteFunc(h.Cookies.People(r), func(p session.Person) bool {
		return slices.ContainsFunc(f.people, func(in storage.SignedIn) bool { return in.User.ID == p.UserID })
	})
	parameters, fault := h.resolve(r.Context(), state.Client, form, p.Resolved)
	f.request, f.fault = oauth.ParseAuthorizationRequest(parameters), fault
	if err := h.proveRedirectURI(f.request, f.client); err != nil {
		if f.fault != nil { // which is why it is not in the request
			err = f.fault
		}
		return nil, err
	}
	return f, nil
}

// read finds the client and who is signed in. Our own client is known without.
func (h *Handler) read(ctx context.Context, clientID string, sessions []storage.Hash) (storage.State, error) {
	wanted := storage.Wanted{ClientID: clientID}
	if clientID == client.AccountID {
		wanted.ClientID = ""
	}
	if len(sessions) > 0 {
		wanted.Sessions, wanted.ConsentFor, wanted.Now = sessions, wanted.ClientID, h.Now()
	}
	state, err := h.Directory.ReadDespiteOutage(ctx, wanted)
	if err != nil {
		return storage.State{}, oauth.Unavailable(err)
	}
	if clientID == client.AccountID {
		state.Client = client.Account()
	}
	if state.Client == nil {
		return storage.State{}, oauth.Refuse(oauth.InvalidClient, "the application is not registered here")
	}
	return state, nil
}

// resolve returns the parameters that count, and what is wrong with the request
// object, which the outer ones then say where to send.
func (h *Handler) resolve(ctx context.Context, c *storage.Client, form url.Values, resolved bool) (url.Values, error) {
	if resolved {
		return form, nil
	}
	inner, err := h.RequestObjects.Resolve(ctx, c, form)
	if err == nil && len(inner.Encode()) > web.MaxQuery {
		err = oauth.Refuse(oauth.InvalidRequestObject, "the request object is too long")
	}
	if err != nil {
		return form, err
	}
	return inner, nil
}

// proveRedirectURI makes sure that the redirect URI is the client's, or takes
// the only registered one if none was sent, [RFC 6749 §3.1.2.3].
//
// [RFC 6749 §3.1.2.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2.3
func (h *Handler) proveRedirectURI(request *oauth.AuthorizationRequest, c *storage.Client) error {
	registered := c.Metadata.RedirectURIs
	if c.ID == client.AccountID && client.LeadsToAccount(h.Issuer, request.RedirectURI) {
		return nil
	}
	if !request.RedirectURISent && len(registered) == 1 {
		request.RedirectURI = registered[0]
		return nil
	}
	if !client.MatchesRedirectURI(c, request.RedirectURI) {
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is not one that the application registered").
			Because(&redirectMismatchError{client: c, received: request.RedirectURI})
	}
	return nil
}
