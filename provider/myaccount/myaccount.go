// Package myaccount owns the pages below /account, on which people look after their
// own account: what is shown of it, who may change what, and the one write in which
// a change, its notice and its record are stored.
//
// Whoever is not signed in, or not recently enough for what they want, is sent
// through the authorization endpoint, which alone signs people in, and comes back.
// The package does not own how factors and addresses are proved (provider/factor and
// provider/account), cookies (provider/session) or markup (consent-ui).
package myaccount

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// Store is what the pages read and write beside what the directory reads.
type Store interface {
	Apply(context.Context, storage.Write) error
	FindFactors(ctx context.Context, userID string) (storage.Factors, error)
	ListSessions(ctx context.Context, userID string, now time.Time) ([]storage.Session, error)
	ListConnections(ctx context.Context, userID string, now time.Time) ([]storage.Connection, error)
	ListActivity(ctx context.Context, userID string, before time.Time, limit int) ([]storage.Activity, error)
}

// Handler serves the pages.
type Handler struct {
	Issuer        string
	Store         Store
	Directory     *client.Directory
	Authenticator *account.Authenticator
	Hasher        *account.Hasher
	// Passwords is which ones people may choose.
	Passwords account.Policy
	Cookies   *session.Cookies
	Pages     *consentui.Pages
	// Factors keeps the rules of what people prove themselves with beside a password.
	Factors *factor.Keeper
	// Links prove addresses; nil if there is no mail.
	Links *account.Links
	// Notes seals what a page leaves for the next one, and Carried what a page of a
	// browser brings back.
	Notes, Carried *secret.Key
	// Notices seals mails about what happens to an account.
	Notices mail.Sealer
	// Logouts tells clients of sessions that a change has ended.
	Logouts interface{ Kick() }
	// FreshFor is how old a sign-in may be for a change that could take the account
	// away from its owner.
	FreshFor time.Duration
	// DeletionGrace is how long an account that is to be deleted can be kept after all.
	DeletionGrace time.Duration
	// Network names where a request comes from.
	Network func(*http.Request) string
	Now     func() time.Time
}

// The addresses of the pages, below the issuer.
const (
	pathOverview    = "/account"
	pathProfile     = "/account/profile"
	pathPassword    = "/account/password"
	pathSessions    = "/account/sessions"
	pathApps        = "/account/apps"
	pathActivity    = "/account/activity"
	pathPreferences = "/account/preferences"
	pathData        = "/account/data"
	pathDelete      = "/account/delete"
	pathSwitch      = "/account/switch"
	pathEmail       = "/account/email"
	pathSecurity    = "/account/security"
	pathPasskey     = "/account/security/passkey" //nolint:gosec // an address
	pathApp         = "/account/security/app"
)

// Routes registers the pages. Nothing but our own forms changes anything.
func (h *Handler) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(web.OwnForms(h.Issuer, h.page))
		views := h.views()
		for path, show := range views {
			r.Get(path, web.Handle(h.page, h.view(show)))
		}
		for path, c := range h.changes() {
			r.Post(path, web.Handle(h.page, h.change(c)))
			if _, shown := views[path]; !shown {
				// Whoever comes back to the address alone finds the page of its form.
				r.Get(path, func(w http.ResponseWriter, _ *http.Request) { web.SeeOther(w, h.Issuer+c.page) })
			}
		}
	})
}

// views are the pages by their addresses.
func (h *Handler) views() map[string]view {
	return map[string]view{
		pathOverview:    {show: h.overview},
		pathProfile:     {show: h.profile},
		pathPassword:    {show: h.password},
		pathSessions:    {show: h.sessions},
		pathApps:        {show: h.apps},
		pathActivity:    {show: h.activity},
		pathPreferences: {show: h.preferences},
		pathData:        {show: h.data, fresh: true},
		pathDelete:      {show: h.deletion, fresh: true},
		pathSwitch:      {show: h.switchAccount},
		pathEmail:       {show: h.email, fresh: true},
		pathSecurity:    {show: h.security, fresh: true},
		pathPasskey:     {show: h.passkey, fresh: true},
		pathApp:         {show: h.app, fresh: true},
	}
}

// changes are what the forms do, by where they are sent.
func (h *Handler) changes() map[string]change {
	return map[string]change{
		pathProfile:                {page: pathProfile, act: h.changeProfile, again: h.profileAgain},
		pathPassword:               {page: pathPassword, act: h.changePassword, again: h.passwordAgain},
		pathPassword + "/remove":   {page: pathPassword, fresh: true, act: h.removePassword, again: h.passwordAgain},
		pathEmail:                  {page: pathEmail, fresh: true, act: h.changeEmail, again: h.emailAgain},
		pathEmail + "/verify":      {page: pathEmail, fresh: true, act: h.verifyEmail, again: h.emailAgain},
		pathEmail + "/again":       {page: pathEmail, fresh: true, act: h.mailAgain, again: h.waitAgain},
		pathEmail + "/code":        {page: pathEmail, act: h.typeCode, again: h.waitAgain},
		pathSecurity + "/passkeys": {page: pathSecurity, fresh: true, act: h.addPasskey, again: h.securityAgain},
		pathPasskey:                {page: pathPasskey, of: "passkey", fresh: true, act: h.renamePasskey, again: h.passkeyAgain},
		pathPasskey + "/remove":    {page: pathSecurity, fresh: true, act: h.removePasskey, again: h.securityAgain},
		pathApp:                    {page: pathApp, fresh: true, act: h.addApp, again: h.appAgain},
		pathApp + "/remove":        {page: pathSecurity, fresh: true, act: h.removeApp, again: h.securityAgain},
		pathSecurity + "/codes":    {page: pathSecurity, fresh: true, act: h.newCodes, again: h.securityAgain},
		pathSessions + "/end":      {page: pathSessions, act: h.endSession},
		pathSessions + "/others":   {page: pathSessions, act: h.endOtherSessions},
		pathApps + "/disconnect":   {page: pathApps, act: h.disconnect},
		pathPreferences:            {page: pathPreferences, act: h.changePreferences, again: h.preferencesAgain},
		pathData + "/download":     {page: pathData, fresh: true, act: h.download, again: h.dataAgain},
		pathDelete:                 {page: pathDelete, fresh: true, act: h.delete, again: h.deletionAgain},
	}
}

// page shows an error to the person.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	web.Outage(w, e)
	page, status := consentui.Error{RequestID: web.EventOf(r.Context()).ID, Time: h.Now()}, e.Status()
	switch {
	case isNotFound(e):
		status = http.StatusNotFound
		page.Fault = consentui.FaultNotFound
	case status < http.StatusInternalServerError:
		status = http.StatusBadRequest
		page.Fault, page.Reason = consentui.FaultForm, e.Description
	}
	_ = h.Pages.Render(w, r, status, page)
}
