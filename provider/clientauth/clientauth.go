// Package clientauth owns how a client proves who it is at the endpoints that
// it calls itself: client_secret_basic, client_secret_post, private_key_jwt and
// none. It does not own the clients, nor what one is allowed to do.
package clientauth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// Credentials are what a request presents, not yet checked.
type Credentials struct {
	ClientID  string
	secrets   []string // the readings of one secret; empty without one
	assertion string
}

// Identify reads the credentials of a request whose body is form. More than
// one kind at a time is refused, [RFC 6749 §2.3].
//
// [RFC 6749 §2.3]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3
func Identify(r *http.Request, form url.Values) (Credentials, error) {
	var found []Credentials
	names := []string{form.Get("client_id")}
	if id, password, ok := r.BasicAuth(); ok {
		c := basic(id, password)
		names = append(names, c.ClientID)
		if len(c.secrets) > 0 {
			found = append(found, c)
		}
	} else if r.Header.Get("Authorization") != "" {
		return Credentials{}, oauth.Refuse(oauth.InvalidClient, "the Authorization header must use the Basic scheme")
	}
	if form.Has("client_secret") {
		found = append(found, Credentials{secrets: form["client_secret"]})
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		c, err := fromAssertion(form)
		if err != nil {
			return Credentials{}, err
		}
		names = append(names, c.ClientID)
		found = append(found, c)
	}
	return one(found, names)
}

// one makes sure that all that the request says of its client agrees.
func one(found []Credentials, names []string) (Credentials, error) {
	var c Credentials
	switch len(found) {
	case 0:
	case 1:
		c = found[0]
	default:
		return Credentials{}, oauth.Refuse(oauth.InvalidRequest, "only one way of client authentication may be used at a time")
	}
	for _, name := range names {
		if c.ClientID = cmp.Or(c.ClientID, name); name != "" && name != c.ClientID {
			return Credentials{}, oauth.Refuse(oauth.InvalidRequest, "client_id is not the one that the credentials belong to")
		}
	}
	if c.ClientID == "" {
		return Credentials{}, oauth.Refuse(oauth.InvalidClient, "client authentication is missing")
	}
	return c, nil
}

// basic decodes the user and password of a Basic header. They should be
// form-encoded, RFC 6749 §2.3.1, but many clients send them as they are, so
// that both readings are tried. An empty password is no credential: some public
// clients name themselves that way.
func basic(id, password string) Credentials {
	c := Credentials{ClientID: decoded(id)}
	if password != "" {
		c.secrets = []string{decoded(password), password}
	}
	return c
}

func decoded(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// Authenticator checks credentials.
type Authenticator struct {
	// Secrets is the key that client secrets are hashed with.
	Secrets *secret.Key
	// Keys are what assertions are verified with.
	Keys *client.Keys
	// Audiences are what an assertion may be addressed to: the issuer and the
	// endpoints.
	Audiences []string
	Now       func() time.Time
}

// Check makes sure that the credentials are the client's, which is nil if there
// is none with that id. For private_key_jwt it returns the assertion, which the
// caller's write must consume. All refusals are alike: invalid_client. An outage
// of ours is temporarily_unavailable.
//
// The two ways to send a secret are equally good proof of it, so that a client
// that is registered for one of them may use the other.
func (a *Authenticator) Check(ctx context.Context, c Credentials, client *storage.Client) (*storage.Assertion, error) {
	if client == nil {
		return nil, refuse("no such client")
	}
	switch method := client.Metadata.TokenEndpointAuthMethod; method {
	case "none":
		if len(c.secrets) > 0 || c.assertion != "" {
			return nil, refuse("a public client has no credentials")
		}
		return nil, nil
	case "private_key_jwt":
		if c.assertion == "" {
			return nil, refuse("the client must authenticate with private_key_jwt")
		}
		return a.checkAssertion(ctx, c.assertion, client)
	default:
		for _, s := range c.secrets {
			if a.Secrets.Verify(client.SecretHash, []byte(client.ID), []byte(s)) {
				return nil, nil
			}
		}
		return nil, refuse("wrong or missing secret")
	}
}

// reason is why a client was refused: for the log, since a client that has not
// proven who it is learns nothing.
type reason string

func (r reason) Error() string { return string(r) }

func refuse(why reason) error {
	return oauth.Refuse(oauth.InvalidClient, "client authentication failed").Because(why)
}
