package provider

import (
	"slices"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/discovery"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// metadata describes what is enabled.
func (s *shared) metadata(e endpoints) discovery.Metadata {
	confidential := slices.DeleteFunc(client.AuthMethods(), func(method string) bool { return method == "none" })
	issuer, grantTypes, registration := s.issuer, s.engine.GrantTypes(), ""
	if e.authorize.Implicit {
		grantTypes = append(grantTypes, "implicit")
	}
	if e.register != nil {
		registration = issuer + "/register"
	}
	return discovery.Metadata{
		Issuer:                                     issuer,
		AuthorizationEndpoint:                      issuer + "/authorize",
		TokenEndpoint:                              issuer + "/token",
		UserinfoEndpoint:                           issuer + "/userinfo",
		IntrospectionEndpoint:                      issuer + "/introspect",
		RevocationEndpoint:                         issuer + "/revoke",
		JWKSURI:                                    issuer + "/.well-known/jwks.json",
		RegistrationEndpoint:                       registration,
		ScopesSupported:                            claims.Scopes(),
		ResponseTypesSupported:                     e.authorize.ResponseTypes(),
		ResponseModesSupported:                     oauth.ResponseModes(),
		GrantTypesSupported:                        grantTypes,
		SubjectTypesSupported:                      []string{"public", client.Pairwise},
		IDTokenSigningAlgValuesSupported:           s.Keys.Algorithms(),
		IDTokenEncryptionAlgValuesSupported:        oauth.KeyManagementAlgorithms(),
		IDTokenEncryptionEncValuesSupported:        oauth.ContentEncryptionAlgorithms(),
		UserinfoSigningAlgValuesSupported:          s.Keys.Algorithms(),
		UserinfoEncryptionAlgValuesSupported:       oauth.KeyManagementAlgorithms(),
		UserinfoEncryptionEncValuesSupported:       oauth.ContentEncryptionAlgorithms(),
		RequestParameterSupported:                  true,
		RequestURIParameterSupported:               true,
		RequireRequestURIRegistration:              true,
		RequestObjectSigningAlgValuesSupported:     oauth.SigningAlgorithms(),
		RequestObjectEncryptionAlgValuesSupported:  oauth.KeyManagementAlgorithms(),
		RequestObjectEncryptionEncValuesSupported:  oauth.ContentEncryptionAlgorithms(),
		ACRValuesSupported:                         claims.ACRValues(),
		DisplayValuesSupported:                     []string{"page", "popup", "touch"},
		UILocalesSupported:                         s.locales(),
		ClaimTypesSupported:                        []string{"normal"},
		ClaimsParameterSupported:                   true,
		ClaimsSupported:                            claims.Supported(),
		PromptValuesSupported:                      e.authorize.Prompts(),
		CodeChallengeMethodsSupported:              []string{"S256"},
		TokenEndpointAuthMethodsSupported:          client.AuthMethods(),
		TokenEndpointAuthSigningAlgValues:          oauth.SigningAlgorithms(),
		IntrospectionEndpointAuthMethods:           confidential,
		IntrospectionEndpointAuthSigningAlgValues:  oauth.SigningAlgorithms(),
		RevocationEndpointAuthMethods:              client.AuthMethods(),
		RevocationEndpointAuthSigningAlgValues:     oauth.SigningAlgorithms(),
		AuthorizationResponseIssParameterSupported: true,
		EndSessionEndpoint:                         issuer + "/end_session",
		CheckSessionIframe:                         issuer + "/check_session",
		FrontchannelLogoutSupported:                true,
		FrontchannelLogoutSessionSupported:         true,
		BackchannelLogoutSupported:                 true,
		BackchannelLogoutSessionSupported:          true,
	}
}

// locales are the tags of the languages that the pages speak.
func (s *shared) locales() []string {
	var tags []string
	for _, texts := range s.pages.Languages() {
		tags = append(tags, texts.Lang)
	}
	return tags
}
