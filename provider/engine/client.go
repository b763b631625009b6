package engine

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// fositeClient shows a client to fosite.
type fositeClient struct{ *storage.Client }

func (c fositeClient) GetID() string                      { return c.ID }
func (c fositeClient) GetHashedSecret() []byte            { return nil }
func (c fositeClient) GetRedirectURIs() []string          { return c.Metadata.RedirectURIs }
func (c fositeClient) GetGrantTypes() fosite.Arguments    { return c.Metadata.GrantTypes }
func (c fositeClient) GetResponseTypes() fosite.Arguments { return c.Metadata.ResponseTypes }
func (c fositeClient) GetScopes() fosite.Arguments        { return client.Scopes(c.Client) }
func (c fositeClient) GetAudience() fosite.Arguments      { return nil }
func (c fositeClient) IsPublic() bool                     { return client.IsPublic(c.Client) }

// authenticated is fosite's client authentication: it was done before.
func authenticated(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	return fositeClient{workOf(ctx).client}, nil
}

// anyAudience is fosite's audience check: resources are checked against the
// catalogue, not against a list of the client's.
func anyAudience([]string, []string) error { return nil }

// registeredRedirect is fosite's check of the redirect URI's scheme: which
// schemes are allowed is decided when a client registers.
func registeredRedirect(context.Context, *url.URL) bool { return true }

// noHasher refuses every secret: fosite never authenticates a client here.
type noHasher struct{}

var errNoHasher = errors.New("fosite does not check secrets")

func (noHasher) Compare(context.Context, []byte, []byte) error { return errNoHasher }
func (noHasher) Hash(context.Context, []byte) ([]byte, error)  { return nil, errNoHasher }
