package authorize

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// showLogin shows the sign-in page: at first, or again because of a problem
// with what was entered.
func (h *Handler) showLogin(w http.ResponseWriter, r *http.Request, f *flow, identifier string, problem consentui.Problem) error {
	var p pending
	passkey := h.askPasskey(f, &p)
	step, err := h.seal(w, r, f, p)
	if err != nil {
		return err
	}
	page := consentui.Login{
		Step: step, Passkey: passkey, Identifier: identifier, Problem: problem, Remember: f.remember || f.who != nil && f.who.Session.Remembered,
		Again: problem == consentui.ProblemNone && f.who != nil && f.expected(), SignUp: h.SignUp,
		Forgotten: h.Links != nil, MailsLink: h.MagicLink, Stage: h.stage(identifier),
	}
	if f.who != nil && f.authenticated() {
		page.Continue = &consentui.Account{Person: account.Page(&f.who.User), Value: f.who.User.ID, SignedIn: true}
	}
	return h.Pages.Render(w, r, statusOf(problem), page)
}

// stage is what the sign-in page asks for of who has the identifier.
func (h *Handler) stage(identifier string) consentui.Stage {
	switch {
	case !h.IdentifierFirst:
		return consentui.StageBoth
	case identifier == "":
		return consentui.StageIdentifier
	}
	return consentui.StagePassword
}

// identifier serves POST /login/identifier: the person's identifier. Nothing is looked
// up, so that nothing tells whether somebody has it.
func (h *Handler) identifier(w http.ResponseWriter, r *http.Request, f *flow) error {
	f.remember = f.form.Get("remember") == "yes"
	entered := strings.TrimSpace(f.form.Get("username"))
	if entered == "" {
		return h.showLogin(w, r, f, "", consentui.ProblemIdentifier)
	}
	return h.showLogin(w, r, f, entered, consentui.ProblemNone)
}

// origin is where the request comes from.
func (h *Handler) origin(r *http.Request) account.Origin {
	return account.OriginOf(h.Network(r), r.UserAgent())
}

// statusOf is the status of a page that is shown again because of the problem.
func statusOf(problem consentui.Problem) int {
	switch problem {
	case consentui.ProblemNone:
		return http.StatusOK
	case consentui.ProblemUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusUnprocessableEntity
	}
}

// loginHint is what the sign-in page begins with: who has to prove it anew, or
// else the request's login_hint, or else the one who has signed in here before.
func (f *flow) loginHint() string {
	switch {
	case f.who != nil && f.expected():
		return account.Page(&f.who.User).Identifier
	case f.request.LoginHint == "" && f.hint == "" && len(f.people) == 0 && len(f.signedOut) == 1:
		return f.signedOut[0].Identifier
	}
	return f.request.LoginHint
}

// login serves POST /login: the person's identifier and password.
func (h *Handler) login(w http.ResponseWriter, r *http.Request, f *flow) error {
	username := f.form.Get("username")
	f.remember = f.form.Get("remember") == "yes"
	outcome, err := h.Authenticator.Authenticate(r.Context(), h.attempt(r, username, f.form.Get("password"), f))
	if err != nil {
		// Somebody may have signed in in another tab, and needs no password in this one.
		f.people = outcome.Sessions
		f.identify("")
		return h.showLogin(w, r, f, username, problem(w, r, err))
	}
	f.people = outcome.Sessions
	h.signIn(r, f, outcome)
	return h.next(w, r, f)
}

// problem notes why nobody has signed in, and returns what the person is told:
// the one answer to all that can be wrong with what they entered, or that it is
// our fault and they can try again.
func problem(w http.ResponseWriter, r *http.Request, err error) consentui.Problem {
	event := web.EventOf(r.Context())
	if errors.Is(err, account.ErrDenied) {
		event.Note = "sign-in denied"
		event.Fail(oauth.Refuse(oauth.AccessDenied, "sign-in denied").Because(err))
		return consentui.ProblemDenied
	}
	e := oauth.Unavailable(err)
	event.Fail(e)
	web.Outage(w, e)
	return consentui.ProblemUnavailable
}

func (h *Handler) attempt(r *http.Request, username, password string, f *flow) account.Login {
	identifier, _ := account.Normalise(username) // what is wrong with it is the authenticator's affair
	device := h.Cookies.Device(r, identifier)
	return account.Login{
		Identifier: username, Password: password,
		Device: device.ID, DeviceUser: device.UserID,
		Network: h.Network(r), ConsentFor: f.client.ID, Sessions: f.browser.Sessions(),
	}
}

func (h *Handler) showConsent(w http.ResponseWriter, r *http.Request, f *flow) error {
	catalogue, err := h.Directory.Catalogue(r.Context())
	if err != nil {
		return oauth.Unavailable(err)
	}
	step, err := h.seal(w, r, f, pending{User: f.who.User.ID, Scopes: f.asked()})
	if err != nil {
		return err
	}
	page := consentui.Consent{Step: step, Person: account.Page(&f.who.User), Resources: resources(catalogue, f.request.Resources)}
	for _, scope := range f.asked() {
		page.Scopes = append(page.Scopes, consentui.Scope{
			Name: scope, Description: client.Description(catalogue, scope), Granted: slices.Contains(f.who.Consent, scope),
		})
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// signInLasts is for how long a sign-in that the request demanded is good for the
// decision that follows it: who leaves the page open may not be who comes back.
const signInLasts = time.Hour

// resumeSignIn reports whether the person that the page was shown to is still signed
// in. Then it came after the choice and the sign-in that the request demanded.
func (f *flow) resumeSignIn(now time.Time) bool {
	if f.who == nil || f.who.User.ID != f.page.User {
		return false
	}
	f.chosen, f.signedIn = true, now.Sub(f.who.Session.AuthTime) < signInLasts
	return true
}

// consent serves POST /consent: the person's decision.
func (h *Handler) consent(w http.ResponseWriter, r *http.Request, f *flow) error {
	// The decision counts if the person that it was asked of is still signed in. If
	// not, next asks whoever it is now.
	if f.resumeSignIn(h.Now()) {
		if f.form.Get("decision") != "allow" {
			return h.refuse(w, r, f, oauth.Refuse(oauth.AccessDenied, "the person did not agree"))
		}
		if slices.Equal(f.asked(), f.page.Scopes) { // or the client may get others by now
			if err := h.approve(r, f); err != nil {
				return h.refuse(w, r, f, err)
			}
		}
	}
	if f.approved {
		f.write.Consent = &storage.Consent{
			UserID: f.who.User.ID, ClientID: f.client.ID, Scopes: f.asked(), GrantedAt: f.write.Now,
		}
		f.write.Activity = append(f.write.Activity,
			account.Happened(f.who.User.ID, account.AppAllowed, f.client.ID, h.origin(r), f.write.Now))
		web.EventOf(r.Context()).Note = "consent given"
	}
	return h.next(w, r, f)
}
