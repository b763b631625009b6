// Package discovery owns the provider's description of itself: its metadata,
// derived from what is enabled, and its public keys. It asks no database.
package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Metadata is what is published, [OpenID Connect Discovery §3] and [RFC 8414 §2].
//
// [OpenID Connect Discovery §3]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
// [RFC 8414 §2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
type Metadata struct {
	Issuer                                     string               `json:"issuer"`
	AuthorizationEndpoint                      string               `json:"authorization_endpoint"`
	TokenEndpoint                              string               `json:"token_endpoint"`
	UserinfoEndpoint                           string               `json:"userinfo_endpoint"`
	IntrospectionEndpoint                      string               `json:"introspection_endpoint"`
	RevocationEndpoint                         string               `json:"revocation_endpoint"`
	JWKSURI                                    string               `json:"jwks_uri"`
	RegistrationEndpoint                       string               `json:"registration_endpoint,omitempty"`
	ScopesSupported                            []string             `json:"scopes_supported"`
	ResponseTypesSupported                     []string             `json:"response_types_supported"`
	ResponseModesSupported                     []oauth.ResponseMode `json:"response_modes_supported"`
	GrantTypesSupported                        []string             `json:"grant_types_supported"`
	SubjectTypesSupported                      []string             `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported           []string             `json:"id_token_signing_alg_values_supported"`
	IDTokenEncryptionAlgValuesSupported        []string             `json:"id_token_encryption_alg_values_supported"`
	IDTokenEncryptionEncValuesSupported        []string             `json:"id_token_encryption_enc_values_supported"`
	UserinfoSigningAlgValuesSupported          []string             `json:"userinfo_signing_alg_values_supported"`
	UserinfoEncryptionAlgValuesSupported       []string             `json:"userinfo_encryption_alg_values_supported"`
	UserinfoEncryptionEncValuesSupported       []string             `json:"userinfo_encryption_enc_values_supported"`
	RequestObjectSigningAlgValuesSupported     []string             `json:"request_object_signing_alg_values_supported"`
	RequestObjectEncryptionAlgValuesSupported  []string             `json:"request_object_encryption_alg_values_supported"`
	RequestObjectEncryptionEncValuesSupported  []string             `json:"request_object_encryption_enc_values_supported"`
	ACRValuesSupported                         []string             `json:"acr_values_supported"`
	DisplayValuesSupported                     []string             `json:"display_values_supported"`
	UILocalesSupported                         []string             `json:"ui_locales_supported"`
	ClaimTypesSupported                        []string             `json:"claim_types_supported"`
	ClaimsSupported                            []string             `json:"claims_supported"`
	PromptValuesSupported                      []string             `json:"prompt_values_supported"`
	CodeChallengeMethodsSupported              []string             `json:"code_challenge_methods_supported"`
	TokenEndpointAuthMethodsSupported          []string             `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthSigningAlgValues          []string             `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpointAuthMethods           []string             `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionEndpointAuthSigningAlgValues  []string             `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationEndpointAuthMethods              []string             `json:"revocation_endpoint_auth_methods_supported"`
	RevocationEndpointAuthSigningAlgValues     []string             `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	AuthorizationResponseIssParameterSupported bool                 `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameterSupported                   bool                 `json:"claims_parameter_supported"`
	RequestParameterSupported                  bool                 `json:"request_parameter_supported"`
	RequestURIParameterSupported               bool                 `json:"request_uri_parameter_supported"`
	RequireRequestURIRegistration              bool                 `json:"require_request_uri_registration"`
	EndSessionEndpoint                         string               `json:"end_session_endpoint"`
	CheckSessionIframe                         string               `json:"check_session_iframe"`
	FrontchannelLogoutSupported                bool                 `json:"frontchannel_logout_supported"`
	FrontchannelLogoutSessionSupported         bool                 `json:"frontchannel_logout_session_supported"`
	BackchannelLogoutSupported                 bool                 `json:"backchannel_logout_supported"`
	BackchannelLogoutSessionSupported          bool                 `json:"backchannel_logout_session_supported"`
}

// Keys are the public keys.
type Keys interface {
	JWKS() (body []byte, etag string)
}

// Handler serves the documents.
type Handler struct {
	keys     Keys
	metadata []byte
	etag     string
}

// New returns the handler of metadata that does not change any more.
func New(metadata Metadata, published Keys) (*Handler, error) {
	body, err := json.Marshal(metadata)
	if err != nil {
		return nil, fmt.Errorf("encode the metadata: %w", err)
	}
	sum := sha256.Sum256(body)
	return &Handler{keys: published, metadata: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}, nil
}

// Routes registers the documents, for scripts of any origin.
func (h *Handler) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(web.AnyOrigin)
		for path, serve := range map[string]http.HandlerFunc{
			"/.well-known/openid-configuration":       h.serveMetadata,
			"/.well-known/oauth-authorization-server": h.serveMetadata,
			"/.well-known/jwks.json":                  h.serveKeys,
		} {
			r.Get(path, serve)
			r.Head(path, serve)
		}
	})
}

func (h *Handler) serveMetadata(w http.ResponseWriter, r *http.Request) {
	serve(w, r, h.metadata, h.etag, "application/json")
}

func (h *Handler) serveKeys(w http.ResponseWriter, r *http.Request) {
	body, etag := h.keys.JWKS()
	serve(w, r, body, etag, "application/jwk-set+json")
}

// maxAge is how long the documents may be cached.
var maxAge = fmt.Sprintf("public, max-age=%d", int(keys.MaxAge.Seconds())) //nolint:gochecknoglobals // a constant

func serve(w http.ResponseWriter, r *http.Request, body []byte, etag, contentType string) {
	header := w.Header()
	header["Cache-Control"] = []string{maxAge}
	header["Etag"] = []string{etag}
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = []string{contentType}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}
