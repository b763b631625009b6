package client

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// keys checks that a client whose keys are needed has some, and only public ones.
func (v *validation) keys(m storage.ClientMetadata) {
	if len(m.JWKS) > 0 {
		v.keySet(m.JWKS)
		if m.JWKSURI != "" {
			v.fault("jwks", "", "must not be beside jwks_uri")
		}
	}
	if len(m.JWKS) > 0 || m.JWKSURI != "" {
		return
	}
	for _, need := range [...]struct {
		member string
		needs  bool
	}{
		{"token_endpoint_auth_method", m.TokenEndpointAuthMethod == "private_key_jwt"},
		{"id_token_encrypted_response_alg", m.IDTokenEncryptedResponseAlg != ""},
		{"userinfo_encrypted_response_alg", m.UserinfoEncryptedResponseAlg != ""},
		{"request_object_signing_alg", m.RequestObjectSigningAlg != ""},
		{"require_signed_request_object", m.RequireSignedRequestObject},
	} {
		if need.needs {
			v.fault("jwks", "", need.member+" needs the public keys of the client, or a jwks_uri")
			return
		}
	}
}

func (v *validation) keySet(jwks json.RawMessage) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) == 0 {
		v.fault("jwks", "", "must be a JWK Set with at least one key")
		return
	}
	for _, key := range set.Keys {
		if !key.Valid() || !key.IsPublic() {
			v.fault("jwks", "", "must have valid public keys only")
			return
		}
		if k, ok := key.Key.(*rsa.PublicKey); ok && !sized(k) {
			v.fault("jwks", "", fmt.Sprintf("must have RSA keys of %d to %d bits", minRSA, maxRSA))
			return
		}
	}
}

// algorithms checks what the client wants signed and encrypted, and how it signs
// itself.
func (v *validation) algorithms(m storage.ClientMetadata, p Policy) {
	orNone := func(algorithms []string) []string { return append([]string{""}, algorithms...) }
	for _, alg := range [...]struct {
		member, value string
		allowed       []string
	}{
		{"id_token_signed_response_alg", m.IDTokenSignedResponseAlg, p.Signing},
		{"userinfo_signed_response_alg", m.UserinfoSignedResponseAlg, p.Signing},
		{"request_object_signing_alg", m.RequestObjectSigningAlg, oauth.SigningAlgorithms()},
		{"token_endpoint_auth_signing_alg", m.TokenEndpointAuthSigningAlg, oauth.SigningAlgorithms()},
	} {
		v.oneOf(alg.member, alg.value, orNone(alg.allowed)...)
	}
	for _, e := range [...]struct{ member, alg, enc string }{
		{"id_token_encrypted_response_", m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc},
		{"userinfo_encrypted_response_", m.UserinfoEncryptedResponseAlg, m.UserinfoEncryptedResponseEnc},
		{"request_object_encryption_", m.RequestObjectEncryptionAlg, m.RequestObjectEncryptionEnc},
	} {
		v.oneOf(e.member+"alg", e.alg, orNone(oauth.KeyManagementAlgorithms())...)
		v.oneOf(e.member+"enc", e.enc, orNone(oauth.ContentEncryptionAlgorithms())...)
		if e.enc != "" && e.alg == "" {
			v.fault(e.member+"enc", "", "must not be without "+e.member+"alg")
		}
	}
}
