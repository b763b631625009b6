// Package requestobject owns authorization requests that come as a JWT, by value or
// by reference: [OpenID Connect Core §6] and [RFC 9101]. It finds the object, proves
// that the client made it for us, and returns its parameters, and only these. It
// does not judge what they ask for, which the authorization endpoint does, nor own
// keys (provider/keys, provider/client) or the fetching (provider/outbound).
//
// [OpenID Connect Core §6]: https://openid.net/specs/openid-connect-core-1_0.html#JWTRequests
// [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101
package requestobject

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// Resolver resolves the objects of all clients.
type Resolver struct {
	// Issuer is whom objects must be for.
	Issuer string
	// ClientKeys verify what clients sign, Keys decrypt what they encrypt to us.
	ClientKeys *client.Keys
	Keys       *keys.Ring
	// Outbound fetches what is at a request_uri.
	Outbound *outbound.Client
	Now      func() time.Time
}

// Resolve returns the parameters that the authorization endpoint has to take for
// the request: those of the form if it has no object, else those of the object and
// the client_id. Others beside an object count for nothing, [RFC 9101 §6.3]: what
// the client has not signed, anybody can have changed.
//
// It fails with invalid_request, invalid_request_uri, invalid_request_object or, if
// we could not find out, temporarily_unavailable. The client hears of that by the
// form's redirect_uri, response_mode and state, if the redirect_uri is one of the
// client's: an object that proves nothing names none.
//
// [RFC 9101 §6.3]: https://www.rfc-editor.org/rfc/rfc9101#section-6.3
func (r *Resolver) Resolve(ctx context.Context, c *storage.Client, form url.Values) (url.Values, error) {
	byValue, byReference := form.Get("request"), form.Get("request_uri")
	switch {
	case len(form["request"]) > 1 || len(form["request_uri"]) > 1:
		return nil, oauth.Refuse(oauth.InvalidRequest, "a parameter was sent more than once")
	case byValue != "" && byReference != "": // OpenID Connect Core §6.1
		return nil, oauth.Refuse(oauth.InvalidRequest, "request and request_uri exclude each other")
	case byValue != "":
		return r.object(ctx, c, byValue)
	case byReference != "":
		return r.reference(ctx, c, byReference)
	case c.Metadata.RequireSignedRequestObject: // RFC 9101 §10.5
		return nil, oauth.Refuse(oauth.InvalidRequest, "the client must send its requests as signed request objects")
	default:
		return form, nil
	}
}

// reference resolves what is at a request_uri, [OpenID Connect Core §6.2]: one that
// the client has registered, to the letter, so that nobody else makes us fetch
// anything. A copy that proves nothing any more is looked at anew.
//
// [OpenID Connect Core §6.2]: https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter
func (r *Resolver) reference(ctx context.Context, c *storage.Client, uri string) (url.Values, error) {
	if !slices.Contains(c.Metadata.RequestURIs, uri) {
		return nil, oauth.Refuse(oauth.InvalidRequestURI, "the request_uri is not registered for the client")
	}
	content, err := r.fetch(ctx, uri)
	if err != nil {
		return nil, err
	}
	parameters, err := r.object(ctx, c, text(content))
	if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Code != oauth.InvalidRequestObject {
		return parameters, err
	}
	anew, failed := r.Outbound.Refetch(ctx, uri)
	if failed != nil || bytes.Equal(anew.Body, content) {
		return nil, err
	}
	return r.object(ctx, c, text(anew.Body))
}

// fetch returns what is at the address. Its fragment can be the hash of that: a copy
// which has it is the one meant, and for another it is time to look. More the hash
// does not say, since many clients register the address before there is an object,
// the conformance suite among them, and the signature proves more.
func (r *Resolver) fetch(ctx context.Context, uri string) ([]byte, error) {
	document, err := r.Outbound.Get(ctx, uri)
	if err == nil && !current(uri, document.Body) {
		if anew, err := r.Outbound.Refetch(ctx, uri); err == nil {
			document = anew
		}
	}
	switch {
	case errors.Is(err, outbound.ErrRefused), errors.Is(err, outbound.ErrFailed):
		return nil, oauth.Refuse(oauth.InvalidRequestURI, "the request_uri could not be fetched").Because(err)
	case err != nil:
		return nil, oauth.Unavailable(err)
	default:
		return document.Body, nil
	}
}

// current reports whether the content can be the one meant: whether the fragment is
// its SHA-256, or says nothing.
func current(uri string, content []byte) bool {
	_, fragment, _ := strings.Cut(uri, "#")
	want, err := b64.DecodeString(fragment)
	if err != nil || len(want) != sha256.Size {
		return true
	}
	got := sha256.Sum256(content)
	return bytes.Equal(got[:], want)
}

// text is a document as a JWT: without the line break that editors end files with.
func text(content []byte) string { return string(bytes.TrimSpace(content)) }

// b64 refuses what encodes the same bytes in another way.
var b64 = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // does not change

// refuse is for everything that is wrong with the object itself.
func refuse(description string) *oauth.Error {
	return oauth.Refuse(oauth.InvalidRequestObject, description)
}
