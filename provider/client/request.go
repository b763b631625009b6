package client

import (
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// IsPublic reports whether the client has nothing to prove itself with,
// [RFC 6749 §2.1].
//
// [RFC 6749 §2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.1
func IsPublic(c *storage.Client) bool { return c.Metadata.TokenEndpointAuthMethod == "none" }

// NeedsPKCE reports whether the client must send a code_challenge: all must
// unless they registered otherwise, and public ones cannot.
func NeedsPKCE(c *storage.Client) bool {
	return IsPublic(c) || c.Metadata.RequirePKCE == nil || *c.Metadata.RequirePKCE
}

// MayUse reports whether the client is registered for the grant type.
func MayUse(c *storage.Client, grantType string) bool {
	return slices.Contains(c.Metadata.GrantTypes, grantType)
}

// MayRespond reports whether the client is registered for the response type, the
// order of whose values does not matter, [RFC 6749 §3.1.1].
//
// [RFC 6749 §3.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1
func MayRespond(c *storage.Client, responseType []string) bool {
	requested := slices.Sorted(slices.Values(responseType))
	return slices.ContainsFunc(c.Metadata.ResponseTypes, func(registered string) bool {
		return slices.Equal(requested, slices.Sorted(strings.FieldsSeq(registered)))
	})
}

// Scopes are those that the client may ask for: what it registered, or the
// standard ones.
func Scopes(c *storage.Client) []string {
	if c.Metadata.Scope == "" {
		return claims.Scopes()
	}
	return strings.Fields(c.Metadata.Scope)
}

// Allowed returns those of the requested scopes that the client may ask for and
// that exist, in the requested order and each once. Unknown scopes are ignored,
// [OpenID Connect Core §3.1.2.1]; offline_access too if no refresh token can come
// of it, §11.
//
// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
func Allowed(c *storage.Client, catalogue *storage.Catalogue, requested []string) []string {
	registered := Scopes(c)
	var allowed []string
	for _, scope := range requested {
		if scope == "offline_access" && !MayUse(c, "refresh_token") {
			continue
		}
		if slices.Contains(registered, scope) && ScopeExists(catalogue, scope) && !slices.Contains(allowed, scope) {
			allowed = append(allowed, scope)
		}
	}
	return allowed
}

// ScopeExists reports whether the scope is a standard or a registered one.
func ScopeExists(catalogue *storage.Catalogue, scope string) bool {
	return slices.Contains(claims.Scopes(), scope) ||
		slices.ContainsFunc(catalogue.Scopes, func(s storage.Scope) bool { return s.Name == scope })
}

// Audience decides whom an access token is for: the requested resources,
// [RFC 8707 §2], which must be registered; without any, the resource servers of
// the granted scopes; and if these have none, the issuer itself. It fails with
// invalid_target for a resource that the client has no business with: one of
// whose scopes it is registered for none, or one without scopes if the client
// has registered itself.
//
// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
func Audience(c *storage.Client, catalogue *storage.Catalogue, granted, resources []string, issuer string) ([]string, error) {
	var audience []string
	for _, resource := range resources {
		if !mayTarget(c, catalogue, resource) {
			return nil, oauth.Refuse(oauth.InvalidTarget, "the resource is unknown or not for this client")
		}
		if !slices.Contains(audience, resource) {
			audience = append(audience, resource)
		}
	}
	if len(audience) > 0 {
		return audience, nil
	}
	for _, s := range catalogue.Scopes {
		if s.ResourceServer != "" && slices.Contains(granted, s.Name) && !slices.Contains(audience, s.ResourceServer) {
			audience = append(audience, s.ResourceServer)
		}
	}
	if len(audience) == 0 {
		audience = []string{issuer}
	}
	return audience, nil
}

func mayTarget(c *storage.Client, catalogue *storage.Catalogue, resource string) bool {
	known := slices.ContainsFunc(catalogue.ResourceServers, func(s storage.ResourceServer) bool {
		return s.Identifier == resource
	})
	if !known {
		return false
	}
	registered, scoped := Scopes(c), false
	for _, s := range catalogue.Scopes {
		if s.ResourceServer != resource {
			continue
		}
		if slices.Contains(registered, s.Name) {
			return true
		}
		scoped = true
	}
	// Who asks for no scope of an API is let in by the API itself. Its operator has
	// not counted on clients that nobody has looked at.
	selfRegistered := c.RegistrationHash != storage.Hash{}
	return !scoped && !selfRegistered
}
