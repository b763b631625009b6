// Package userinfo owns the userinfo endpoint: what an access token tells its
// client about the person.
package userinfo

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Handler serves the endpoint.
type Handler struct {
	Tokens    *accesstoken.Verifier
	Directory *client.Directory
}

// Routes registers the endpoint.
func (h *Handler) Routes(r chi.Router) {
	r.Get("/userinfo", web.Handle(web.Bearer, h.userinfo))
	r.Post("/userinfo", web.Handle(web.Bearer, h.userinfo))
	r.Options("/userinfo", web.Preflight)
}

// userinfo serves the endpoint, [OpenID Connect Core §5.3], in one round trip.
//
// [OpenID Connect Core §5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
func (h *Handler) userinfo(w http.ResponseWriter, r *http.Request) error {
	raw, err := bearer(r)
	if err != nil {
		return err
	}
	token, state, err := h.Tokens.Find(r.Context(), raw)
	if errors.Is(err, accesstoken.ErrInactive) {
		return oauth.Refuse(oauth.InvalidToken, "the access token is not valid, has expired or was revoked").Because(err)
	}
	if err != nil {
		return oauth.Unavailable(err)
	}
	event := web.EventOf(r.Context())
	event.ClientID, event.Subject = token.ClientID, token.Subject
	h.Directory.AllowOrigin(w, r, token.ClientID)
	scopes := strings.Fields(token.Scope)
	if !slices.Contains(scopes, "openid") || state.User == nil {
		return oauth.Refuse(oauth.InsufficientScope, "the access token was not granted the scope openid")
	}
	set := map[string]any{"sub": token.Subject}
	claims.Add(set, state.User, scopes)
	return web.JSON(w, set)
}

// bearer finds the access token in the header or in the body, [RFC 6750 §2],
// and refuses one in the URL, where it would be logged and leak.
//
// [RFC 6750 §2]: https://www.rfc-editor.org/rfc/rfc6750#section-2
func bearer(r *http.Request) (string, error) {
	if r.URL.Query().Has("access_token") {
		return "", oauth.Refuse(oauth.InvalidRequest, "the access token must not be sent in the URL")
	}
	scheme, header, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		header = ""
	}
	inBody := ""
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		form, err := web.Form(r)
		if err != nil {
			return "", err
		}
		inBody = form.Get("access_token")
	}
	switch {
	case header != "" && inBody != "":
		return "", oauth.Refuse(oauth.InvalidRequest, "the access token was sent twice")
	case header == "" && inBody == "":
		return "", oauth.Refuse(oauth.InvalidToken, "")
	}
	return header + inBody, nil
}
