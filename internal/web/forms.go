package web

import (
	"net/http"
	"net/url"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// OwnForms refuses the forms that another site has sent. Ours have the issuer's
// origin, whichever Host a proxy in between names.
func OwnForms(issuer string, deny Renderer) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if u, err := url.Parse(issuer); err == nil {
		_ = protection.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	protection.SetDenyHandler(Handle(deny, func(http.ResponseWriter, *http.Request) error {
		return oauth.Refuse(oauth.AccessDenied, "the form was sent by another site")
	}))
	return protection.Handler
}
