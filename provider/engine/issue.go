package engine

import (
	"context"
	"net/url"
	"slices"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Issue issues an access token to a client of the operator's own for somebody who is
// signed in, without sending the browser anywhere, and adds to the write what it
// stands for. The answer has the parameters of [RFC 6749 §5.1], without a refresh
// token: the session stands for one.
//
// [RFC 6749 §5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
func (e *Engine) Issue(ctx context.Context, a Authorization, write *storage.Write) (url.Values, error) {
	// To fosite it is an implicit grant, whose answer never leaves this process by a
	// redirect. What the client is registered for is asked of those that do.
	c := *a.Client
	c.Metadata.GrantTypes = append(slices.Clone(c.Metadata.GrantTypes), "implicit")
	c.Metadata.ResponseTypes = append(slices.Clone(c.Metadata.ResponseTypes), "token")
	a.Client = &c
	a.Request = &oauth.AuthorizationRequest{ResponseType: []string{"token"}, RedirectURI: e.Config.Issuer}
	return e.Authorize(ctx, a, write)
}
