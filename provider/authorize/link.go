package authorize

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// followed is a mailed link in the browser that it was opened in.
type followed struct {
	token, app string
	found      account.Found
	// flow is the one that the link was asked for in, or, elsewhere, one to our own
	// pages about the person's account: nobody finishes a flow that another browser
	// began.
	flow      *flow
	elsewhere bool
}

// choosesPassword: a password that was chosen in another browser is not taken: who
// chose it there may have been somebody else.
func (l *followed) choosesPassword() bool {
	return l.found.Purpose == account.ToReset || l.found.Purpose == account.ToSignUp && l.elsewhere
}

// signsIn: whoever uses the link is signed in by it.
func (l *followed) signsIn() bool {
	return l.found.Purpose != account.ToVerifyEmail && l.found.Purpose != account.ToChangeEmail
}

// openLink serves GET /link, which changes nothing: programs that look into mails
// open what is in them.
func (h *Handler) openLink(w http.ResponseWriter, r *http.Request) error {
	l := &followed{token: r.URL.Query().Get("token"), app: r.URL.Query().Get("app")}
	if err := h.follow(r, l); err != nil {
		return h.linkFailed(w, r, l.app, err)
	}
	return h.showLink(w, r, l, consentui.ProblemNone)
}

// useLink serves POST /link.
func (h *Handler) useLink(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r)
	if err != nil {
		return err
	}
	l := &followed{token: form.Get("token"), app: form.Get("app")}
	if err := h.follow(r, l); err != nil {
		return h.linkFailed(w, r, l.app, err)
	}
	if !l.signsIn() {
		return h.confirmEmail(w, r, l)
	}
	password := ""
	if l.choosesPassword() {
		if password = form.Get("password"); password == "" {
			return h.showLink(w, r, l, linkProblem(w, r, account.ErrPassword))
		}
	}
	switch err := h.use(r, l.flow, l.found, password); {
	case errors.Is(err, account.ErrLink), errors.Is(err, account.ErrTaken):
		return h.linkFailed(w, r, l.app, err)
	case err != nil:
		return h.showLink(w, r, l, linkProblem(w, r, err))
	}
	return h.next(w, r, l.flow)
}

// follow finds the link, and the flow that it leads into in this browser.
func (h *Handler) follow(r *http.Request, l *followed) error {
	found, err := h.Links.Find(r.Context(), l.token)
	if err != nil {
		return err
	}
	l.found = found
	if found.ClientID != "" {
		l.app = found.ClientID
	}
	if l.flow, err = h.flowOf(r, found.Flow); err != nil || l.flow != nil || !l.signsIn() {
		return err
	}
	l.elsewhere = true
	l.flow, err = h.begin(r, pending{Started: h.Now(), Resolved: true, Request: url.Values{
		"client_id": {client.AccountID}, "response_type": {"none"}, "scope": {"openid"},
		"redirect_uri": {h.Issuer + "/account"},
	}.Encode()})
	if err != nil {
		return err
	}
	return h.check(r.Context(), l.flow)
}

// flowOf is the flow that began in this browser, nil if it was another one, or if the
// flow cannot be finished any more.
func (h *Handler) flowOf(r *http.Request, sealed string) (*flow, error) {
	p, err := h.unseal(r, sealed)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // it was another browser
	}
	f, err := h.begin(r, p)
	if err == nil {
		err = h.check(r.Context(), f)
	}
	switch {
	case err != nil && oauth.AsError(err).Status() >= http.StatusInternalServerError:
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr,nilnil // the client is not what it was
	}
	f.page, f.remember = p, p.Remember
	f.identify("")
	return f, nil
}

// use does what the link is for, and has the flow know who the person is.
func (h *Handler) use(r *http.Request, f *flow, found account.Found, password string) error {
	arrival := account.Arrival{From: h.origin(r), ConsentFor: f.client.ID}
	var outcome account.Outcome
	var err error
	note := "signed in by mail"
	switch found.Purpose {
	case account.ToSignUp:
		note = "signed up"
		outcome, err = h.Links.CompleteSignUp(r.Context(), found, password, arrival)
	case account.ToReset:
		note = "password reset"
		outcome, err = h.Links.ResetPassword(r.Context(), found, password, arrival)
		f.forget(found.User.ID)
	case account.ToSignIn:
		outcome, err = h.Links.SignIn(r.Context(), found, arrival)
	default:
		err = account.ErrLink
	}
	if err != nil {
		return err
	}
	if h.signIn(r, f, outcome); f.signedIn {
		web.EventOf(r.Context()).Note = note
	}
	return nil
}

// forget takes somebody out of the flow whose sessions have ended.
func (f *flow) forget(userID string) {
	f.people = slices.DeleteFunc(f.people, func(p storage.SignedIn) bool {
		if p.User.ID == userID {
			f.browser.Drop(p.Session.Hash)
		}
		return p.User.ID == userID
	})
	if f.who != nil && f.who.User.ID == userID {
		f.who = nil
	}
}

// confirmEmail uses a link that proves an address.
func (h *Handler) confirmEmail(w http.ResponseWriter, r *http.Request, l *followed) error {
	switch err := h.Links.CompleteEmail(r.Context(), l.found, h.origin(r)); {
	case errors.Is(err, account.ErrLink), errors.Is(err, account.ErrTaken):
		return h.linkFailed(w, r, l.app, err)
	case err != nil:
		return h.showLink(w, r, l, linkProblem(w, r, err))
	}
	event := web.EventOf(r.Context())
	event.Note, event.Subject = "email confirmed", l.found.User.ID
	return h.Pages.Render(w, r, http.StatusOK, consentui.LinkUsed{Purpose: string(l.found.Purpose), Email: l.found.Email})
}

// showLink shows what the link does, and waits for the person to want it.
func (h *Handler) showLink(w http.ResponseWriter, r *http.Request, l *followed, problem consentui.Problem) error {
	page := consentui.UseLink{
		Purpose: string(l.found.Purpose), Token: l.token, App: l.app, Email: l.found.Email,
		ChoosesPassword: l.choosesPassword(), MinPassword: h.Links.Passwords.Least(), Problem: problem,
	}
	if l.flow != nil && !l.elsewhere {
		page.Client, page.RedirectURI = client.Page(l.flow.client), l.flow.request.RedirectURI
		page.UILocales = l.flow.request.Form.Get("ui_locales")
	}
	return h.Pages.Render(w, r, statusOf(problem), page)
}

// linkFailed says that the link is not good any more, or that it is our fault.
func (h *Handler) linkFailed(w http.ResponseWriter, r *http.Request, app string, err error) error {
	taken := errors.Is(err, account.ErrTaken)
	if !taken && !errors.Is(err, account.ErrLink) {
		return oauth.Unavailable(err)
	}
	web.EventOf(r.Context()).Fail(oauth.Refuse(oauth.AccessDenied, "the link does nothing").Because(err))
	page := consentui.LinkGone{Taken: taken}
	page.Client, page.ContinueURI = h.wayOn(r.Context(), app)
	return h.Pages.Render(w, r, http.StatusGone, page)
}
