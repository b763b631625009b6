package client

import (
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/storage"
)

// Defaults of OpenID Connect Registration §2.
const (
	defaultSigning    = "RS256"
	defaultEncryption = "A128CBC-HS256"
)

// ResponseTypes are those of [OpenID Connect Core §3], the order of whose values
// is the one that they are stored and published in. "token" alone is not among
// them: it has no way to protect the access token from being swapped.
//
// [OpenID Connect Core §3]: https://openid.net/specs/openid-connect-core-1_0.html#Authentication
func ResponseTypes() []string {
	return []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}
}

// Defaults fills in what [RFC 7591 §2] and [OpenID Connect Registration §2] give
// a default, and brings response types to one order. The application_type is
// left open: what an operator registers can be of both types, and a client that
// registers itself says which, or provider/register does.
//
// [RFC 7591 §2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
// [OpenID Connect Registration §2]: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata
func Defaults(m storage.ClientMetadata) storage.ClientMetadata {
	fill := func(value *string, when bool, standard string) {
		if *value == "" && when {
			*value = standard
		}
	}
	fill(&m.TokenEndpointAuthMethod, true, "client_secret_basic")
	m.ResponseTypes = normalised(m.ResponseTypes)
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = neededFor(m.ResponseTypes)
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, "authorization_code") {
		m.ResponseTypes = []string{"code"}
	}
	browser := len(m.ResponseTypes) > 0
	fill(&m.SubjectType, browser, "public")
	fill(&m.IDTokenSignedResponseAlg, browser, defaultSigning)
	fill(&m.IDTokenEncryptedResponseEnc, m.IDTokenEncryptedResponseAlg != "", defaultEncryption)
	fill(&m.UserinfoEncryptedResponseEnc, m.UserinfoEncryptedResponseAlg != "", defaultEncryption)
	fill(&m.RequestObjectEncryptionEnc, m.RequestObjectEncryptionAlg != "", defaultEncryption)
	return m
}

// normalised returns the response types each once and in their one order; what
// is none of them stays as it is.
func normalised(responseTypes []string) []string {
	var all []string
	for _, given := range responseTypes {
		values := slices.Sorted(strings.FieldsSeq(given))
		for _, known := range ResponseTypes() {
			if slices.Equal(values, slices.Sorted(strings.FieldsSeq(known))) {
				given = known
			}
		}
		if !slices.Contains(all, given) {
			all = append(all, given)
		}
	}
	return all
}

// neededFor are the grant types that the response types need, in place of those
// that a client left out: the standard default, authorization_code, would
// contradict all response types but code.
func neededFor(responseTypes []string) []string {
	var grants []string
	for _, t := range responseTypes {
		for _, grant := range grantTypesOf(t) {
			if !slices.Contains(grants, grant) {
				grants = append(grants, grant)
			}
		}
	}
	if len(grants) == 0 {
		return []string{"authorization_code"}
	}
	return grants
}

// grantTypesOf is the table of [OpenID Connect Registration §2], response_types
// against grant_types.
//
// [OpenID Connect Registration §2]: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata
func grantTypesOf(responseType string) []string {
	values := strings.Fields(responseType)
	var grants []string
	if slices.Contains(values, "code") {
		grants = append(grants, "authorization_code")
	}
	if slices.Contains(values, "id_token") || slices.Contains(values, "token") {
		grants = append(grants, "implicit")
	}
	return grants
}
