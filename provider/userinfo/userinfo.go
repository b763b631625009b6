// Package userinfo owns the userinfo endpoint: what an access token tells its
// client about the person.
package userinfo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Signer signs responses.
type Signer interface {
	Sign(ctx context.Context, alg, typ string, claims any) (string, error)
}

// Handler serves the endpoint.
type Handler struct {
	Issuer     string
	Tokens     *accesstoken.Verifier
	Directory  *client.Directory
	Keys       Signer
	ClientKeys *client.Keys
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
	c, err := h.client(r.Context(), token.ClientID, state.Client)
	if err != nil {
		return err
	}
	requested, err := claims.ParseRequest(state.Grant.Claims)
	if err != nil {
		return err
	}
	set := map[string]any{"sub": token.Subject}
	claims.Add(set, state.User, scopes)
	claims.AddRequested(set, state.User, requested.Userinfo)
	return h.answer(w, r, c, set)
}

// client is the one that the token was issued to: nearly always the one that was
// read with the token, or is remembered.
func (h *Handler) client(ctx context.Context, id string, read *storage.Client) (*storage.Client, error) {
	if read != nil {
		return read, nil
	}
	state, err := h.Directory.Read(ctx, storage.Wanted{ClientID: id})
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	if state.Client == nil {
		return nil, oauth.Refuse(oauth.InvalidToken, "the access token's client is gone")
	}
	return state.Client, nil
}

// answer sends the claims as JSON or, if the client registered so, as a JWT that
// is signed, encrypted, or both, [OpenID Connect Core §5.3.2].
//
// [OpenID Connect Core §5.3.2]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, c *storage.Client, set map[string]any) error {
	m := c.Metadata
	if m.UserinfoSignedResponseAlg == "" && m.UserinfoEncryptedResponseAlg == "" {
		return web.JSON(w, set)
	}
	jwt, contentType, err := h.sign(r.Context(), c, set)
	if err != nil {
		return err
	}
	if m.UserinfoEncryptedResponseAlg != "" {
		jwt, err = h.ClientKeys.Encrypt(r.Context(), c, m.UserinfoEncryptedResponseAlg, m.UserinfoEncryptedResponseEnc, contentType, []byte(jwt))
		if errors.Is(err, client.ErrNoKey) || errors.Is(err, client.ErrUnreachable) {
			return oauth.Refuse(oauth.InvalidRequest, "there is no key of the client to encrypt the claims to").Because(err)
		}
		if err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, err = io.WriteString(w, jwt) //nolint:gosec // no HTML
	return err
}

// sign returns the signed claims, or the plain ones for a client that only has
// them encrypted, and what type of content that is in a JWE.
func (h *Handler) sign(ctx context.Context, c *storage.Client, set map[string]any) (content, contentType string, err error) {
	set["iss"], set["aud"] = h.Issuer, c.ID
	if c.Metadata.UserinfoSignedResponseAlg == "" {
		plain, err := json.Marshal(set)
		return string(plain), "", err
	}
	content, err = h.Keys.Sign(ctx, c.Metadata.UserinfoSignedResponseAlg, "JWT", set)
	return content, "JWT", err
}

// bearer finds the access token in the header or in the body, [RFC 6750 §2],
// and refuses one in the URL, where it would be logged and leak.
//
// [RFC 6750 §2]: https://www.rfc-editor.org/rfc/rfc6750#section-2
func bearer(r *http.Request) (string, error) {
	if r.URL.Query().Has("access_token") {
		return "", oauth.Refuse(oauth.InvalidRequest, "the access token must not be sent in the URL")
	}
	header, inBody := web.BearerToken(r), ""
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
