package claims

import "slices"

// ACRPassword is the acr of a sign-in with a password and nothing else,
// [OpenID Connect Core §2].
//
// [OpenID Connect Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
const ACRPassword = "urn:gatelodge:acr:password" //nolint:gosec // a name

// ACRValues are the values of acr that a sign-in can have, for discovery.
func ACRValues() []string { return []string{ACRPassword} }

// ACR is the acr of a sign-in by the methods, [RFC 8176]; "" if it is none that
// we make a promise about.
//
// [RFC 8176]: https://www.rfc-editor.org/rfc/rfc8176
func ACR(amr []string) string {
	if slices.Contains(amr, "pwd") {
		return ACRPassword
	}
	return ""
}
