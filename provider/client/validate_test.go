package client_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

const publicKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
	`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

const privateKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
	`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}`

func validate(m storage.ClientMetadata) []string {
	return client.Validate(client.Defaults(m), []string{"RS256", "ES256"})
}

// RFC 9700 §2.1, RFC 8252 §7: what can be redirected to is settled at
// registration, so that nothing is left to interpret when a request comes.
func TestRedirectURIsThatCanBeRegistered(t *testing.T) {
	t.Parallel()
	for uri, right := range map[string]bool{
		"https://app.example/callback":       true,
		"https://app.example/callback?a=b":   true,
		"https://app.example:8443/cb":        true,
		"http://127.0.0.1:8082/callback":     true,
		"http://[::1]/callback":              true,
		"http://localhost:3000/cb":           true,
		"com.example.app:/callback":          true,
		"":                                   false,
		"/callback":                          false,
		"app.example/callback":               false,
		"http://app.example/callback":        false,
		"http://127.0.0.1.example/callback":  false,
		"https:///callback":                  false,
		"https://app.example/cb#fragment":    false,
		"https://app.example/cb#":            false,
		"https://user@app.example/cb":        false,
		"https://app.example@evil.example/":  false,
		"https://*.app.example/cb":           false,
		"HTTPS://app.example/cb":             false,
		"https://app.example/c b":            false,
		"https://app.example\\@evil.example": false,
		"https://app.example/\x00":           false,
		"javascript:alert(1)":                false,
		"data:text/html,x":                   false,
		"file:///etc/passwd":                 false,
		"myapp://callback":                   false,
	} {
		if faults := validate(storage.ClientMetadata{RedirectURIs: []string{uri}}); (len(faults) == 0) != right {
			t.Errorf("%q: got %q", uri, faults)
		}
	}
}

// RFC 7591 §2: members that contradict each other or that we do not support.
func TestMetadataThatCannotBeRegistered(t *testing.T) {
	t.Parallel()
	redirect, no, long := []string{"https://app.example/cb"}, false, 3601
	for member, m := range map[string]storage.ClientMetadata{
		"token_endpoint_auth_method":   {RedirectURIs: redirect, TokenEndpointAuthMethod: "client_secret_jwt"},
		"grant_types":                  {GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: "none"},
		"response_types":               {RedirectURIs: redirect, ResponseTypes: []string{"token"}},
		"redirect_uris":                {},
		"id_token_signed_response_alg": {RedirectURIs: redirect, IDTokenSignedResponseAlg: "none"},
		"access_token_format":          {RedirectURIs: redirect, AccessTokenFormat: "paseto"},
		"require_pkce":                 {RedirectURIs: redirect, TokenEndpointAuthMethod: "none", RequirePKCE: &no},
		"jwks":                         {RedirectURIs: redirect, TokenEndpointAuthMethod: "private_key_jwt", JWKS: json.RawMessage(privateKey)},
		"scope":                        {RedirectURIs: redirect, Scope: `open"id`},
		"refresh_grace_seconds":        {RedirectURIs: redirect, RefreshGraceSeconds: &long},
		"client_uri":                   {RedirectURIs: redirect, ClientURI: "javascript:alert(1)"},
		"logo_uri":                     {RedirectURIs: redirect, LogoURI: "data:x"},
		"initiate_login_uri":           {RedirectURIs: redirect, InitiateLoginURI: "http://app.example"},
	} {
		faults := validate(m)
		if len(faults) == 0 || !strings.HasPrefix(faults[0], member+": ") {
			t.Errorf("%s: got %q", member, faults)
		}
	}
}

// RFC 6749 Appendix A.1.
func TestClientIDIsPrintableASCII(t *testing.T) {
	t.Parallel()
	for id, right := range map[string]bool{
		"app": true, "https://app.example/": true, "a b~": true,
		"": false, "caf\u00e9": false, "a\x00": false, "a\x7f": false, "a\n": false,
	} {
		if client.ValidID(id) != right {
			t.Errorf("%q: want %t", id, right)
		}
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	faults := validate(storage.ClientMetadata{
		AccessTokenFormat: "x", Scope: `"`, RedirectURIs: []string{"a", "b"},
	})
	if len(faults) != 4 {
		t.Errorf("got %q", faults)
	}
}

// RFC 7591 §2: the defaults.
func TestDefaultsOfRegistration(t *testing.T) {
	t.Parallel()
	m := client.Defaults(storage.ClientMetadata{})
	if m.TokenEndpointAuthMethod != "client_secret_basic" || m.GrantTypes[0] != "authorization_code" || m.ResponseTypes[0] != "code" {
		t.Errorf("got %+v", m)
	}
	if m := client.Defaults(storage.ClientMetadata{GrantTypes: []string{"client_credentials"}}); len(m.ResponseTypes) != 0 {
		t.Errorf("a machine has response types: %v", m.ResponseTypes)
	}
	if faults := validate(storage.ClientMetadata{
		RedirectURIs: []string{"https://app.example/cb"}, TokenEndpointAuthMethod: "private_key_jwt", JWKS: json.RawMessage(publicKey),
	}); len(faults) > 0 {
		t.Errorf("got %q", faults)
	}
}
