package provider

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/authapi"
	"github.com/gatelodge/gatelodge/provider/authorize"
	"github.com/gatelodge/gatelodge/provider/discovery"
	"github.com/gatelodge/gatelodge/provider/inbox"
	"github.com/gatelodge/gatelodge/provider/logo"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/myaccount"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/provider/strength"
	"github.com/gatelodge/gatelodge/provider/token"
	"github.com/gatelodge/gatelodge/provider/userinfo"
	"github.com/gatelodge/gatelodge/provider/wellknown"
)

// endpoints are the families of endpoints, a package each.
type endpoints struct {
	discovery *discovery.Handler
	token     *token.Handler
	userinfo  *userinfo.Handler
	register  *register.Handler // nil if registration is closed
	authorize *authorize.Handler
	logout    *logout.Handler
	account   *myaccount.Handler
	api       *authapi.Handler // nil if it is off
	logo      *logo.Handler
	inbox     *inbox.Handler // nil outside of development
	strength  *strength.Handler
	wellknown *wellknown.Handler
}

// routes is the map of the product.
func routes(d Deps, pages *consentui.Pages, e endpoints) http.Handler {
	r := chi.NewRouter()
	r.Use(web.Log(d.Log, d.Now))

	// Public documents: any origin, cacheable, no database.
	//   GET /.well-known/openid-configuration, /.well-known/oauth-authorization-server
	//   GET /.well-known/jwks.json
	e.discovery.Routes(r)
	//   GET /.well-known/change-password, /passkey-endpoints, /security.txt
	e.wellknown.Routes(r)

	// The back channel: clients and APIs call it themselves, no cookies.
	//   POST /token, /introspect, /revoke      GET, POST /userinfo
	//   POST /register      GET, PUT, DELETE /register/{client_id}
	r.Group(func(r chi.Router) {
		r.Use(web.NoStore)
		e.token.Routes(r)
		e.userinfo.Routes(r)
		if e.register != nil {
			e.register.Routes(r)
		}
	})

	// The front channel: the browser, the person, the session.
	//   GET, POST /authorize
	//   POST /login      POST /login/identifier, /switch, /choose, /forget, /keep, /language, /continue
	//   POST /login/passkey, /login/passkey/new, /login/factor, /login/factor/new
	//   POST /consent, /sign-up/start, /sign-up
	//   GET, POST /link      POST /link/forgot, /sign-in, /ask, /code, /again, /change
	//   GET, POST /end_session, /logout      GET /check_session
	e.authorize.Routes(r)
	e.logout.Routes(r)
	//   GET, POST /account and below
	e.account.Routes(r)
	// The operator's own applications, with forms of theirs:
	//   GET, POST /api/auth and below
	if e.api != nil {
		e.api.Routes(r)
	}
	// What the pages show and ask: GET /logo/{client_id}, /static/*, /theme/*
	//   POST /language, /password-strength
	e.logo.Routes(r)
	r.Get("/static/*", pages.Static().ServeHTTP)
	r.Get(consentui.ThemePath+"*", pages.ServeTheme)
	r.With(web.OwnForms(d.Config.Issuer, web.OAuthJSON)).Post(consentui.LanguagePath, web.Handle(web.OAuthJSON, chooseLanguage(d, pages)))
	e.strength.Routes(r)
	// Developers only: GET /dev/mail and below
	if e.inbox != nil {
		e.inbox.Routes(r)
	}
	r.Get("/", web.Handle(web.OAuthJSON, func(w http.ResponseWriter, r *http.Request) error {
		return pages.Render(w, r, http.StatusOK, consentui.Home{})
	}))

	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		web.EventOf(r.Context()).Fail(oauth.Refuse(oauth.InvalidRequest, "no such page"))
		_ = pages.Render(w, r, http.StatusNotFound, consentui.Error{
			Fault: consentui.FaultNotFound, RequestID: web.EventOf(r.Context()).ID, Time: d.Now(),
		})
	})
	return r
}

// chooseLanguage serves POST /language: the page that the person was at, in another
// language.
func chooseLanguage(d Deps, pages *consentui.Pages) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := web.Form(r)
		if err != nil {
			return err
		}
		if !pages.RememberLanguage(w, form.Get("language")) {
			return oauth.Refuse(oauth.InvalidRequest, "there are no pages in that language")
		}
		web.SeeOther(w, d.Config.Issuer+consentui.Return(form.Get("return")))
		return nil
	}
}
