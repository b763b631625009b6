package e2e

import (
	"fmt"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// oauth4webapi, which checks exactly what it is asked to: every response type and
// mode that it knows, userinfo, refresh, introspection and revocation.
func TestOAuth4WebAPIValidatesEveryFlow(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "oauth4webapi.mjs")
	for name, in := range flows(map[string][]string{
		"code": {"", "query", "fragment", "form_post"}, "code id_token": {"", "fragment", "form_post"},
	}) {
		t.Run(name, func(t *testing.T) {
			n.does(t, "authenticate", in, usedByOAuth4WebAPI())
		})
	}
}

// Each way that a client can authenticate, and each algorithm of its assertions.
func TestOAuth4WebAPIAuthenticates(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "oauth4webapi.mjs")
	for _, metadata := range []object{
		{"token_endpoint_auth_method": "none"},
		{"token_endpoint_auth_method": "client_secret_basic"},
		{"token_endpoint_auth_method": "client_secret_post"},
		{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "RS256"},
		{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256"},
		{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"},
		{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "EdDSA"},
	} {
		t.Run(fmt.Sprint(metadata), func(t *testing.T) {
			want := usedByOAuth4WebAPI()
			if metadata["token_endpoint_auth_method"] == "none" {
				want["introspected"] = []any{nil, nil} // nobody may ask without a secret
			}
			metadata["grant_types"] = grantTypes("code")
			n.does(t, "authenticate", object{"metadata": metadata}, want)
		})
	}
}

// usedByOAuth4WebAPI is what comes of it when a person signs in.
func usedByOAuth4WebAPI() object {
	return object{
		"sub": providertest.UserID, "email": providertest.Username, "refreshed": providertest.UserID,
		"introspected": []any{true, providertest.UserID}, "after_revocation": "invalid_grant",
	}
}

// RFC 8414 §3 and OpenID Connect Discovery §4 tell the same.
func TestOAuth4WebAPIDiscovers(t *testing.T) {
	t.Parallel()
	n := newNode(t, newProvider(t, "", everything()...), "oauth4webapi.mjs")
	n.does(t, "discovery", nil, object{"differ": []any{}, "issuer": n.URL})
}
