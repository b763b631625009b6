package myaccount

import (
	"net/http"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// overview serves GET /account.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request, v *visit) error {
	user := v.who.User
	factors, err := h.Store.FindFactors(r.Context(), user.ID)
	if err != nil {
		return oauth.Unavailable(err)
	}
	return h.Pages.Render(w, r, http.StatusOK, consentui.AccountOverview{
		Mine: v.mine(), Email: user.Claims.Email, EmailVerified: user.Claims.EmailVerified,
		HasPassword: user.PasswordHash != "",
		Passkeys:    len(factors.Passkeys), TOTP: factors.TOTP != nil, RecoveryCodes: factors.RecoveryCodes,
	})
}
