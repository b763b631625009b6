package client

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/storage"
)

// Defaults fills in what [RFC 7591 §2] gives a default.
//
// [RFC 7591 §2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
func Defaults(m storage.ClientMetadata) storage.ClientMetadata {
	if m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = "client_secret_basic"
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{"authorization_code"}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, "authorization_code") {
		m.ResponseTypes = []string{"code"}
	}
	return m
}

// ValidID reports whether the text can be a client_id, [RFC 6749 Appendix A.1].
//
// [RFC 6749 Appendix A.1]: https://www.rfc-editor.org/rfc/rfc6749#appendix-A.1
func ValidID(id string) bool { return id != "" && possible(id) }

// HasSecret reports whether a client that authenticates so has a secret.
func HasSecret(m storage.ClientMetadata) bool {
	return strings.HasPrefix(m.TokenEndpointAuthMethod, "client_secret_")
}

// Validate checks the metadata of a client, defaults filled in, for a provider
// that signs with the algorithms, and returns all that is wrong with it, each
// fault with the name of its member and what was expected.
func Validate(m storage.ClientMetadata, algorithms []string) (faults []string) {
	v := &validation{}
	v.oneOf("token_endpoint_auth_method", m.TokenEndpointAuthMethod,
		"client_secret_basic", "client_secret_post", "private_key_jwt", "none")
	for _, t := range m.GrantTypes {
		v.oneOf("grant_types", t, "authorization_code", "refresh_token", "client_credentials", "password")
	}
	for _, t := range m.ResponseTypes {
		v.oneOf("response_types", t, "code")
	}
	v.oneOf("id_token_signed_response_alg", m.IDTokenSignedResponseAlg, append([]string{""}, algorithms...)...)
	v.oneOf("access_token_format", m.AccessTokenFormat, "", "jwt", "opaque")
	v.grants(m)
	v.redirectURIs(m)
	v.keys(m)
	v.links(m)
	v.scope(m.Scope)
	if s := m.RefreshGraceSeconds; s != nil && (*s < 0 || *s > 3600) {
		v.fault("refresh_grace_seconds", "must be between 0 and 3600")
	}
	return v.faults
}

type validation struct{ faults []string }

func (v *validation) fault(member, format string, args ...any) {
	v.faults = append(v.faults, member+": "+fmt.Sprintf(format, args...))
}

func (v *validation) oneOf(member, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	named := slices.DeleteFunc(allowed, func(s string) bool { return s == "" })
	v.fault(member, "must be %s, is %q", strings.Join(named, ", "), value)
}

// grants checks that what belongs together is there together.
func (v *validation) grants(m storage.ClientMetadata) {
	code := slices.Contains(m.GrantTypes, "authorization_code")
	if code != slices.Contains(m.ResponseTypes, "code") {
		v.fault("response_types", "code goes with the grant type authorization_code, and that with it")
	}
	if code && len(m.RedirectURIs) == 0 {
		v.fault("redirect_uris", "the grant type authorization_code needs at least one")
	}
	if m.TokenEndpointAuthMethod == "none" {
		if slices.Contains(m.GrantTypes, "client_credentials") {
			v.fault("grant_types", "a client that cannot authenticate may not have client_credentials")
		}
		if m.RequirePKCE != nil && !*m.RequirePKCE {
			v.fault("require_pkce", "a client that cannot authenticate needs it")
		}
	}
}

func (v *validation) redirectURIs(m storage.ClientMetadata) {
	for _, uri := range m.RedirectURIs {
		if problem := redirectProblem(uri); problem != "" {
			v.fault("redirect_uris", "%q %s", uri, problem)
		}
	}
}

// redirectProblem says why a redirect URI cannot be registered, [RFC 9700 §2.1]
// and [RFC 8252 §7]; "" if it can.
//
// [RFC 9700 §2.1]: https://www.rfc-editor.org/rfc/rfc9700#section-2.1
// [RFC 8252 §7]: https://www.rfc-editor.org/rfc/rfc8252#section-7
func redirectProblem(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs() || strings.ContainsFunc(uri, unprintable):
		return "is not an absolute URI"
	case strings.Contains(uri, "#"):
		return "must not have a fragment"
	case u.User != nil || strings.Contains(u.Host, "@"):
		return "must not have a user"
	case strings.Contains(uri, "*"):
		return "must not have a wildcard: each URI is registered by itself"
	case u.Scheme != strings.SplitN(uri, ":", 2)[0]:
		return "must have its scheme in lower case"
	case u.Scheme == "https" && u.Hostname() != "":
		return ""
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	case u.Scheme == "http" || u.Scheme == "https":
		return "must be https, or http on 127.0.0.1, [::1] or localhost"
	case !strings.Contains(u.Scheme, "."):
		return "must be https, or have a scheme of the app's own with a dot in it, such as com.example.app"
	}
	return ""
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }

func isLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

func (v *validation) keys(m storage.ClientMetadata) {
	if m.TokenEndpointAuthMethod == "private_key_jwt" && len(m.JWKS) == 0 {
		v.fault("jwks", "private_key_jwt needs the client's public keys")
	}
	if len(m.JWKS) == 0 {
		return
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(m.JWKS, &set); err != nil || len(set.Keys) == 0 {
		v.fault("jwks", "must be a JWK Set with at least one key")
		return
	}
	for _, key := range set.Keys {
		if !key.Valid() || !key.IsPublic() {
			v.fault("jwks", "must have valid public keys only")
			return
		}
	}
}

func (v *validation) links(m storage.ClientMetadata) {
	for member, uri := range map[string]string{
		"client_uri": m.ClientURI, "logo_uri": m.LogoURI, "policy_uri": m.PolicyURI, "tos_uri": m.TosURI,
	} {
		u, err := url.Parse(uri)
		if uri != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			v.fault(member, "must be a web address, is %q", uri)
		}
	}
	if u, err := url.Parse(m.InitiateLoginURI); m.InitiateLoginURI != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		v.fault("initiate_login_uri", "must be https, is %q", m.InitiateLoginURI)
	}
}

// scope checks the characters of scopes, [RFC 6749 §3.3].
//
// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func (v *validation) scope(scope string) {
	for s := range strings.FieldsSeq(scope) {
		if !ValidScope(s) {
			v.fault("scope", "%q has characters that a scope cannot have", s)
		}
	}
}

// ValidScope reports whether the text can be one scope, [RFC 6749 §3.3].
//
// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func ValidScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}
