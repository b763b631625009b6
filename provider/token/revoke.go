package token

import (
	"net/http"
	"time"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// revoke serves the revocation endpoint, [RFC 7009 §2]. A token takes its grant
// with it, and so all tokens of the grant; one that is not good, or no token at
// all, is revoked already. The answer has no body.
//
// [RFC 7009 §2]: https://www.rfc-editor.org/rfc/rfc7009#section-2
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) error {
	found, err := h.lookUp(w, r)
	if err != nil {
		return err
	}
	switch {
	case found.grant != nil && (found.access != nil || found.refresh != nil):
		if found.grant.ClientID != found.caller.ID {
			return oauth.Refuse(oauth.InvalidGrant, "the token was issued to another client")
		}
		err = h.Store.RevokeGrant(r.Context(), found.grant.ID, h.Now())
	case found.access != nil:
		if found.access.ClientID != found.caller.ID {
			return oauth.Refuse(oauth.InvalidGrant, "the token was issued to another client")
		}
		err = h.Store.RevokeToken(r.Context(), found.access.ID, time.Unix(found.access.ExpiresAt, 0).UTC())
	}
	if err != nil {
		return oauth.Unavailable(err)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
