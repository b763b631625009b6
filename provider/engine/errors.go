package engine

import (
	"errors"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// translate makes an error of ours of one of fosite's. Its codes that are not
// registered become the registered one for the same thing, and its texts are
// dropped where they can repeat what the client sent.
func translate(w *work, err error) error {
	if w.outage != nil {
		return oauth.Unavailable(w.outage)
	}
	if w.denied != nil {
		return oauth.Refuse(oauth.InvalidGrant, "the username or password is wrong").Because(w.denied)
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e
	}
	if errors.Is(err, client.ErrNoKey) || errors.Is(err, client.ErrUnreachable) {
		return oauth.Refuse(oauth.InvalidRequest, "there is no key of the client to encrypt the ID token to").Because(err)
	}
	e, ok := errors.AsType[*fosite.RFC6749Error](err)
	if !ok {
		return err
	}
	switch e.ErrorField {
	case "invalid_grant", "token_inactive", "token_expired", "scope_not_granted", "not_found":
		return oauth.Refuse(oauth.InvalidGrant, grantHint(e)).Because(err)
	case "invalid_request":
		return oauth.Refuse(oauth.InvalidRequest, "the request lacks a parameter or has a malformed one").Because(err)
	case "invalid_scope":
		return oauth.Refuse(oauth.InvalidScope, "the client may not ask for this scope").Because(err)
	case "unauthorized_client":
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for this").Because(err)
	default:
		return err
	}
}

// grantHint keeps what helps a developer: fosite's hints for invalid_grant are
// constant texts, some with quotes that error_description may not have.
func grantHint(e *fosite.RFC6749Error) string {
	if e.HintField == "" {
		return "the code, refresh token or password is wrong, has expired, was revoked or was already used"
	}
	return strings.ReplaceAll(e.HintField, `"`, `'`)
}
