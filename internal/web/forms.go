package web

import (
	"net/http"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// OwnForms refuses the forms that another site has sent. Ours have the issuer's
// origin, whichever Host a proxy in between names.
func OwnForms(issuer string, deny Renderer) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	_ = protection.AddTrustedOrigin(Origin(issuer)) // a good one, or there would be no provider
	protection.SetDenyHandler(Handle(deny, func(http.ResponseWriter, *http.Request) error {
		return oauth.Refuse(oauth.AccessDenied, "the form was sent by another site")
	}))
	return protection.Handler
}
