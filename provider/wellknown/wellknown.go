// Package wellknown owns the addresses that programs look for at any site, and that
// help people: where passwords are changed and passkeys kept, and whom to tell of a
// security problem. What describes the provider to clients is provider/discovery's.
package wellknown

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
)

// Handler serves the addresses.
type Handler struct {
	Issuer string
	// SecurityContact is a URI, "" if nobody wants to be told.
	SecurityContact string
	Now             func() time.Time
}

// Routes registers the addresses.
func (h *Handler) Routes(r chi.Router) {
	r.Get("/.well-known/change-password", h.changePassword)
	r.Get("/.well-known/passkey-endpoints", web.Handle(web.OAuthJSON, h.passkeys))
	if h.SecurityContact != "" {
		r.Get("/.well-known/security.txt", h.securityTxt)
	}
}

// changePassword serves [A Well-Known URL for Changing Passwords].
//
// [A Well-Known URL for Changing Passwords]: https://w3c.github.io/webappsec-change-password-url/
func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, h.Issuer+"/account/password", http.StatusFound)
}

// passkeys serves [Passkey Endpoints].
//
// [Passkey Endpoints]: https://w3c.github.io/webappsec-passkey-endpoints/
func (h *Handler) passkeys(w http.ResponseWriter, _ *http.Request) error {
	page := h.Issuer + "/account/security"
	return web.JSON(w, map[string]string{"enroll": page, "manage": page})
}

// fresh is for how long what security.txt says can be relied on.
const fresh = 30 * 24 * time.Hour

// securityTxt serves [RFC 9116].
//
// [RFC 9116]: https://www.rfc-editor.org/rfc/rfc9116
func (h *Handler) securityTxt(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "Contact: %s\nExpires: %s\nCanonical: %s/.well-known/security.txt\n",
		h.SecurityContact, h.Now().Add(fresh).UTC().Format(time.RFC3339), h.Issuer)
}
