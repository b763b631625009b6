package client

import (
	"slices"

	"github.com/gatelodge/gatelodge/storage"
)

// grants checks which flows the client may use, and that what belongs together
// is there together, [RFC 7591 §2.1].
//
// [RFC 7591 §2.1]: https://www.rfc-editor.org/rfc/rfc7591#section-2.1
func (v *validation) grants(m storage.ClientMetadata, p Policy) {
	grants := []string{"authorization_code", "implicit", "refresh_token", "client_credentials", "password"}
	types := ResponseTypes()
	if !p.Implicit {
		grants = slices.DeleteFunc(grants, func(s string) bool { return s == "implicit" })
		types = []string{"code"}
	}
	for _, t := range m.GrantTypes {
		v.oneOf("grant_types", t, grants...)
	}
	for _, t := range m.ResponseTypes {
		v.oneOf("response_types", t, types...)
	}
	needed := []string{}
	if len(m.ResponseTypes) > 0 {
		needed = neededFor(m.ResponseTypes)
	}
	for _, grant := range []string{"authorization_code", "implicit"} {
		switch has := slices.Contains(m.GrantTypes, grant); {
		case slices.Contains(needed, grant) && !has:
			v.fault("grant_types", "", "the response types need "+grant)
		case has && !slices.Contains(needed, grant):
			v.fault("response_types", "", "none of them is for the grant type "+grant)
		}
	}
	if len(m.ResponseTypes) > 0 && len(m.RedirectURIs) == 0 {
		v.fault("redirect_uris", "", "a client with response types needs at least one")
	}
	v.authentication(m)
}

// AuthMethods are the ways in which a client can authenticate,
// [OpenID Connect Core §9], with none for one that cannot.
//
// [OpenID Connect Core §9]: https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication
func AuthMethods() []string {
	return []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}
}

func (v *validation) authentication(m storage.ClientMetadata) {
	v.oneOf("token_endpoint_auth_method", m.TokenEndpointAuthMethod, AuthMethods()...)
	if m.TokenEndpointAuthMethod != "none" {
		return
	}
	if slices.Contains(m.GrantTypes, "client_credentials") {
		v.fault("grant_types", "", "a client that cannot authenticate may not have client_credentials")
	}
	if m.RequirePKCE != nil && !*m.RequirePKCE {
		v.fault("require_pkce", "", "a client that cannot authenticate needs it")
	}
}
