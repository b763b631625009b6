package conformance

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

func discoveryModules() []module {
	return []module{
		{"oidcc-discovery-endpoint-verification", "C D", discovery},
		{"oidcc-rp-initiated-logout-discovery-endpoint-verification", "RL", publishes("end_session_endpoint")},
		{"oidcc-backchannel-logout-discovery-endpoint-verification", "BL", publishes(
			"end_session_endpoint", "backchannel_logout_supported", "backchannel_logout_session_supported")},
		{"oidcc-frontchannel-logout-discovery-endpoint-verification", "FL", publishes(
			"end_session_endpoint", "frontchannel_logout_supported", "frontchannel_logout_session_supported")},
		{"oidcc-session-management-discovery-endpoint-verification", "SM", publishes(
			"end_session_endpoint", "check_session_iframe")},
	}
}

// registeredMetadata are the names of the registry for metadata of authorization
// servers, RFC 8414 §7.1, that a provider of OpenID Connect can have.
const registeredMetadata = `issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint
	scopes_supported response_types_supported response_modes_supported grant_types_supported
	token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
	service_documentation ui_locales_supported op_policy_uri op_tos_uri revocation_endpoint
	revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
	introspection_endpoint introspection_endpoint_auth_methods_supported
	introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported
	userinfo_endpoint acr_values_supported subject_types_supported id_token_signing_alg_values_supported
	id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported
	userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported
	userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported
	request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported
	display_values_supported claim_types_supported claims_supported claims_locales_supported
	claims_parameter_supported request_parameter_supported request_uri_parameter_supported
	require_request_uri_registration require_signed_request_object
	authorization_response_iss_parameter_supported prompt_values_supported
	check_session_iframe frontchannel_logout_supported backchannel_logout_session_supported
	backchannel_logout_supported end_session_endpoint frontchannel_logout_session_supported`

// OpenID Connect Discovery §3 and what §15.2 of Core asks of providers with
// dynamic registration.
func discovery(r *run) {
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint",
	} {
		r.endpoint(name)
	}
	known := strings.Fields(registeredMetadata)
	for name, value := range r.metadata {
		if !slices.Contains(known, name) {
			r.Errorf("%s is not a registered name", name)
		}
		if s, ok := value.(string); ok && strings.HasSuffix(name, "_endpoint") && !strings.HasPrefix(s, "https://") {
			r.Errorf("%s is %s", name, s)
		}
		if list, ok := value.([]any); ok && len(list) == 0 || value == nil || value == "" {
			r.Errorf("%s is %v, and had better be left out", name, value)
		}
	}
	r.lists("response_types_supported", "code", "id_token", "id_token token")
	r.lists("grant_types_supported", "authorization_code", "implicit", "refresh_token")
	r.lists("subject_types_supported", "public", "pairwise")
	r.lists("scopes_supported", "openid")
	for _, name := range []string{
		"id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported",
		"request_object_signing_alg_values_supported",
	} {
		r.lists(name, "RS256")
	}
	r.lists("claims_supported", slices.Concat([]string{"sub"}, slices.Concat(slices.Collect(maps.Values(scopeClaims))...))...)
	r.lists("code_challenge_methods_supported", "S256")
	for _, name := range []string{"ui_locales_supported", "claims_locales_supported"} {
		for _, locale := range r.listed(name) {
			if tag, err := language.Parse(locale); err != nil || tag.String() != locale {
				r.Errorf("%s has %s, which is written %s", name, locale, tag)
			}
		}
	}
}

// lists checks that a list of the metadata has the values.
func (r *run) lists(name string, values ...string) {
	r.Helper()
	listed := r.listed(name)
	for _, value := range values {
		if !slices.Contains(listed, value) {
			r.Errorf("%s does not list %s: %v", name, value, listed)
		}
	}
}

// publishes is a module whose metadata has endpoints and true statements.
func publishes(names ...string) func(*run) {
	return func(r *run) {
		for _, name := range names {
			if is, isStatement := r.metadata[name].(bool); isStatement && !is || !isStatement && strings.HasSuffix(name, "_supported") {
				r.Errorf("%s is %v", name, r.metadata[name])
			} else if !isStatement {
				r.endpoint(name)
			}
		}
	}
}
