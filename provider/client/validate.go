package client

import (
	"fmt"
	"slices"
	"strings"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/storage"
)

// Policy is what a client's metadata depends on of what is configured.
type Policy struct {
	// Signing are the algorithms that the provider signs with.
	Signing []string
	// Implicit allows the response types with tokens in the front channel.
	Implicit bool
	// HTTP allows plain http for what the provider calls itself.
	HTTP bool
	// Loopback allows web applications with such response types on this machine.
	// OpenID Connect Registration §2 forbids that; it is for trying things out.
	Loopback bool
}

// Fault is one thing wrong with a client's metadata.
type Fault struct {
	// Member is its name in the metadata.
	Member string
	// Problem is a constant text of characters that an error_description can
	// have.
	Problem string
	// Value is what was given, "" if that is of no help.
	Value string
}

func (f Fault) String() string {
	if f.Value == "" {
		return f.Member + ": " + f.Problem
	}
	return fmt.Sprintf("%s: %q %s", f.Member, f.Value, f.Problem)
}

// ValidID reports whether the text can be a client_id, [RFC 6749 Appendix A.1], of
// a client that is not ours.
//
// [RFC 6749 Appendix A.1]: https://www.rfc-editor.org/rfc/rfc6749#appendix-A.1
func ValidID(id string) bool { return id != "" && id != AccountID && possible(id) }

// HasSecret reports whether a client that authenticates so has a secret.
func HasSecret(m storage.ClientMetadata) bool {
	return strings.HasPrefix(m.TokenEndpointAuthMethod, "client_secret_")
}

// Validate checks the metadata of a client, defaults filled in, and returns all
// that is wrong with it. Whether the scopes exist, and what stands behind a
// sector_identifier_uri, is the caller's to check.
func Validate(m storage.ClientMetadata, p Policy) []Fault {
	v := &validation{}
	v.bounds(m)
	v.grants(m, p)
	v.redirectURIs(m, p)
	v.uris(m, p)
	v.logout(m, p)
	v.keys(m)
	v.algorithms(m, p)
	v.scope(m.Scope)
	v.oneOf("application_type", m.ApplicationType, "", "web", "native")
	v.oneOf("subject_type", m.SubjectType, "", "public", Pairwise)
	if m.SubjectType == Pairwise {
		if _, err := SectorHost(m); err != nil {
			v.fault("sector_identifier_uri", "", "a pairwise client without exactly one host in its redirect_uris needs it")
		}
	}
	v.oneOf("access_token_format", m.AccessTokenFormat, "", "jwt", "opaque")
	v.oneOf("required_acr", m.RequiredACR, append(claims.ACRValues(), "")...)
	v.between("refresh_grace_seconds", m.RefreshGraceSeconds, 3600)
	v.between("default_max_age", m.DefaultMaxAge, 1<<31-1)
	for _, fault := range consentui.Theme(m.Theme).Faults() {
		v.fault("theme."+fault.Member, fault.Value, fault.Problem)
	}
	return v.faults
}

type validation struct{ faults []Fault }

func (v *validation) fault(member, value, problem string) {
	const shown = 100
	if len(value) > shown {
		value = strings.ToValidUTF8(value[:shown], "") + "..."
	}
	v.faults = append(v.faults, Fault{Member: member, Problem: problem, Value: value})
}

// oneOf checks that the value is allowed; "" among those allowed is never named.
func (v *validation) oneOf(member, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	named := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	v.fault(member, value, "must be one of: "+strings.Join(named, ", "))
}

func (v *validation) between(member string, value *int, most int) {
	if value != nil && (*value < 0 || *value > most) {
		v.fault(member, "", fmt.Sprintf("must be between 0 and %d", most))
	}
}

// scope checks the characters of scopes, [RFC 6749 §3.3].
//
// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func (v *validation) scope(scope string) {
	for s := range strings.FieldsSeq(scope) {
		if !ValidScope(s) {
			v.fault("scope", s, "has characters that a scope cannot have")
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
