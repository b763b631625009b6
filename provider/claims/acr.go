package claims

import "slices"

// The values of acr, [OpenID Connect Core §2], from the least on.
//
// [OpenID Connect Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
const (
	// ACRPassword is of a sign-in with a password and nothing else.
	ACRPassword = "urn:gatelodge:acr:password" //nolint:gosec // a name
	// ACRMultiFactor is of one with two factors.
	ACRMultiFactor = "urn:gatelodge:acr:mfa"
	// ACRPhishingResistant is of one with two factors that nobody can be talked out
	// of: a passkey that has verified its owner, or one beside another factor. It is
	// a value of [OpenID Connect EAP ACR Values §3].
	//
	// [OpenID Connect EAP ACR Values §3]: https://openid.net/specs/openid-connect-eap-acr-values-1_0.html#acrValues
	ACRPhishingResistant = "phr"
)

// ACRValues are the values of acr that a sign-in can have, from the least on.
func ACRValues() []string { return []string{ACRPassword, ACRMultiFactor, ACRPhishingResistant} }

// ACR is the acr of a sign-in by the methods, [RFC 8176]; "" if it is none that
// we make a promise about.
//
// [RFC 8176]: https://www.rfc-editor.org/rfc/rfc8176
func ACR(amr []string) string {
	has := func(method string) bool { return slices.Contains(amr, method) }
	switch {
	case has("mfa") && (has("swk") || has("hwk")):
		return ACRPhishingResistant
	case has("mfa"):
		return ACRMultiFactor
	case has("pwd"):
		return ACRPassword
	}
	return ""
}

// Level is the place of an acr among the [ACRValues], from 1 on; 0 if it is none of
// them.
func Level(acr string) int { return slices.Index(ACRValues(), acr) + 1 }
