// Package strength owns the judgement of a password while somebody chooses it, for the
// meter beside the field. Whether it may be chosen is decided when it is sent, and what
// is judged how is provider/account's.
package strength

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
)

// Handler judges passwords.
type Handler struct {
	Issuer    string
	Passwords account.Policy
}

// Routes registers the address, which answers our own pages only.
func (h *Handler) Routes(r chi.Router) {
	r.With(web.OwnForms(h.Issuer, web.OAuthJSON), web.NoStore).
		Post("/password-strength", web.Handle(web.OAuthJSON, h.judge))
}

// maxAbout is how much is looked at of what the page knows, in bytes: more than a name
// and an address. Every word of it is looked for in all pieces of the password.
const maxAbout = 2 << 10

// judge serves POST /password-strength: how hard the password is to guess, from 0 to
// 4, given what the page knows of the person. Nothing of it is stored or logged.
func (h *Handler) judge(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r)
	if err != nil {
		return err
	}
	about := form.Get("about")
	about = strings.ToValidUTF8(about[:min(len(about), maxAbout)], "")
	return web.JSON(w, map[string]int{"strength": h.Passwords.Strength(form.Get("password"), about)})
}
