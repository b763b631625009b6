package client_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

const publicKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
	`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

const privateKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
	`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}`

var policy = client.Policy{Signing: []string{"RS256", "ES256"}, Implicit: true}

func validate(m storage.ClientMetadata) []client.Fault {
	return client.Validate(client.Defaults(m), policy)
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
		"https://b\u0430nk.example/cb":       false, // which is no a
		"https://b%D0%B0nk.example/cb":       false,
		"https://xn--bnk-6cd.example/cb":     true,
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

// faultless checks that the metadata can be registered.
func faultless(t *testing.T, m storage.ClientMetadata) {
	t.Helper()
	if faults := validate(m); len(faults) > 0 {
		t.Errorf("got %q", faults)
	}
}

// described is what an error_description may consist of, RFC 6749 §5.2.
var described = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// RFC 7591 §2 and OpenID Connect Registration §2: members that contradict each
// other or that we do not support.
func TestMetadataThatCannotBeRegistered(t *testing.T) {
	t.Parallel()
	redirect := []string{"https://app.example/cb"}
	for _, c := range []struct {
		member string
		change func(*storage.ClientMetadata)
	}{
		{"token_endpoint_auth_method", func(m *storage.ClientMetadata) { m.TokenEndpointAuthMethod = "client_secret_jwt" }},
		{"token_endpoint_auth_signing_alg", func(m *storage.ClientMetadata) { m.TokenEndpointAuthSigningAlg = "none" }},
		{"grant_types", func(m *storage.ClientMetadata) {
			m.RedirectURIs, m.GrantTypes, m.TokenEndpointAuthMethod = nil, []string{"client_credentials"}, "none"
		}},
		{"grant_types", func(m *storage.ClientMetadata) { m.GrantTypes = []string{"authorization_code", "magic"} }},
		{"redirect_uris", func(m *storage.ClientMetadata) { m.RedirectURIs = nil }},
		{"application_type", func(m *storage.ClientMetadata) { m.ApplicationType = "desktop" }},
		{"required_acr", func(m *storage.ClientMetadata) { m.RequiredACR = "urn:gatelodge:acr:none" }},
		{"subject_type", func(m *storage.ClientMetadata) { m.SubjectType = "private" }},
		{"sector_identifier_uri", func(m *storage.ClientMetadata) { m.SectorIdentifierURI = "http://app.example/all" }},
		{"access_token_format", func(m *storage.ClientMetadata) { m.AccessTokenFormat = "paseto" }},
		{"require_pkce", func(m *storage.ClientMetadata) { m.TokenEndpointAuthMethod, m.RequirePKCE = "none", new(false) }},
		{"scope", func(m *storage.ClientMetadata) { m.Scope = `open"id` }},
		{"refresh_grace_seconds", func(m *storage.ClientMetadata) { m.RefreshGraceSeconds = new(3601) }},
		{"default_max_age", func(m *storage.ClientMetadata) { m.DefaultMaxAge = new(-1) }},
		{"client_uri", func(m *storage.ClientMetadata) { m.ClientURI = "javascript:alert(1)" }},
		{"policy_uri", func(m *storage.ClientMetadata) { m.PolicyURI = "https://bank.example@evil.example/" }},
		{"logo_uri", func(m *storage.ClientMetadata) { m.LogoURI = "data:x" }},
		{"logo_uri", func(m *storage.ClientMetadata) { m.LogoURI = "http://app.example/logo.png" }},
		{"jwks_uri", func(m *storage.ClientMetadata) { m.JWKSURI = "http://app.example/jwks" }},
		{"request_uris", func(m *storage.ClientMetadata) { m.RequestURIs = []string{"http://app.example/request"} }},
		{"request_uris", func(m *storage.ClientMetadata) { m.RequestURIs = []string{"urn:example:request"} }},
		{"initiate_login_uri", func(m *storage.ClientMetadata) { m.InitiateLoginURI = "http://app.example" }},
		{"post_logout_redirect_uris", func(m *storage.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"/bye"} }},
		{"backchannel_logout_uri", func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = "http://app.example/bye" }},
		{"backchannel_logout_uri", func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = "https://app.example/bye#x" }},
		{"frontchannel_logout_uri", func(m *storage.ClientMetadata) { m.FrontchannelLogoutURI = "https://other.example/bye" }},
		{"frontchannel_logout_uri", func(m *storage.ClientMetadata) { m.FrontchannelLogoutURI = "http://app.example/bye" }},
		{"frontchannel_logout_uri", func(m *storage.ClientMetadata) { m.FrontchannelLogoutURI = "https://app.example/bye#x" }},
	} {
		m := storage.ClientMetadata{RedirectURIs: redirect}
		c.change(&m)
		faults := validate(m)
		if len(faults) != 1 || faults[0].Member != c.member || !described.MatchString(faults[0].Problem) {
			t.Errorf("%s: got %q", c.member, faults)
		}
	}
}

// OpenID Connect Registration §2: each response type with the grant types that it
// needs, in whatever order it is written.
func TestResponseTypesNeedTheirGrantTypes(t *testing.T) {
	t.Parallel()
	redirect := []string{"https://app.example/cb"}
	for responseType, grants := range map[string]string{
		"code":                "authorization_code",
		"id_token":            "implicit",
		"id_token token":      "implicit",
		"token id_token":      "implicit",
		"code id_token":       "authorization_code implicit",
		"id_token code":       "authorization_code implicit",
		"code token":          "authorization_code implicit",
		"token code id_token": "authorization_code implicit",
	} {
		types := []string{responseType}
		faultless(t, storage.ClientMetadata{RedirectURIs: redirect, ResponseTypes: types, GrantTypes: strings.Fields(grants)})
		m := client.Defaults(storage.ClientMetadata{RedirectURIs: redirect, ResponseTypes: types})
		if got := strings.Join(m.GrantTypes, " "); got != grants {
			t.Errorf("%s: grant types %q without any given", responseType, got)
		}
		if !slices.Contains(client.ResponseTypes(), m.ResponseTypes[0]) {
			t.Errorf("%s: stored as %q", responseType, m.ResponseTypes[0])
		}
		for _, wrong := range []string{"authorization_code", "implicit", "authorization_code implicit", "refresh_token"} {
			if wrong == grants {
				continue
			}
			if faults := validate(storage.ClientMetadata{
				RedirectURIs: redirect, ResponseTypes: types, GrantTypes: strings.Fields(wrong),
			}); len(faults) == 0 {
				t.Errorf("%s was registered with %s", responseType, wrong)
			}
		}
	}
	for _, responseType := range []string{"token", "none", "", "code code"} {
		m := storage.ClientMetadata{RedirectURIs: redirect, ResponseTypes: []string{responseType}}
		if faults := validate(m); !slices.ContainsFunc(faults, func(f client.Fault) bool { return f.Member == "response_types" }) {
			t.Errorf("%q: got %q", responseType, faults)
		}
	}
}

// A provider with implicit and hybrid off registers no client for them.
func TestTokensInTheFrontChannelCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	off := client.Policy{Signing: policy.Signing}
	for _, responseType := range client.ResponseTypes() {
		m := client.Defaults(storage.ClientMetadata{
			RedirectURIs: []string{"https://app.example/cb"}, ResponseTypes: []string{responseType},
		})
		if faults := client.Validate(m, off); (len(faults) == 0) != (responseType == "code") {
			t.Errorf("%s: got %q", responseType, faults)
		}
	}
}

// OpenID Connect Registration §2, application_type. What the operator registers
// without one is not restricted.
func TestRedirectURIsOfTheApplicationType(t *testing.T) {
	t.Parallel()
	const implicit, code = "id_token", "code"
	for _, c := range []struct {
		application, responseType, uri string
		right                          bool
	}{
		{"web", implicit, "https://app.example/cb", true},
		{"web", implicit, "https://localhost/cb", false},
		{"web", implicit, "http://127.0.0.1/cb", false},
		{"web", "code token", "https://localhost/cb", false},
		{"web", code, "http://localhost:3000/cb", true},
		{"web", code, "com.example.app:/cb", false},
		{"native", implicit, "com.example.app:/cb", true},
		{"native", implicit, "http://localhost/cb", true},
		{"native", code, "http://[::1]/cb", true},
		{"native", code, "https://app.example/cb", true}, // RFC 8252 §7.2
		{"native", code, "http://app.example/cb", false},
		{"", implicit, "http://localhost/cb", true},
		{"", code, "com.example.app:/cb", true},
	} {
		m := client.Defaults(storage.ClientMetadata{
			ApplicationType: c.application, RedirectURIs: []string{c.uri}, ResponseTypes: []string{c.responseType},
		})
		if faults := client.Validate(m, policy); (len(faults) == 0) != c.right {
			t.Errorf("%s, %s, %s: got %q", c.application, c.responseType, c.uri, faults)
		}
		local := policy
		local.Loopback = true
		right := c.right || c.application == "web" && strings.HasPrefix(c.uri, "http")
		if faults := client.Validate(m, local); (len(faults) == 0) != right {
			t.Errorf("%s, %s, %s, on one machine: got %q", c.application, c.responseType, c.uri, faults)
		}
	}
}

// OpenID Connect Core §8.1: redirect URIs of several hosts need a sector.
func TestPairwiseClientsNeedASector(t *testing.T) {
	t.Parallel()
	m := storage.ClientMetadata{
		SubjectType: "pairwise", RedirectURIs: []string{"https://a.example/cb", "https://b.example/cb"},
	}
	if faults := validate(m); len(faults) != 1 || faults[0].Member != "sector_identifier_uri" {
		t.Errorf("got %q", faults)
	}
	m.SectorIdentifierURI = "https://a.example/all.json"
	faultless(t, m)
	faultless(t, storage.ClientMetadata{SubjectType: "pairwise", RedirectURIs: m.RedirectURIs[:1]})
}

// OpenID Connect Registration §2: which keys and algorithms can be registered.
func TestKeysAndAlgorithmsThatCanBeRegistered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*storage.ClientMetadata)
		member string // at fault, "" if none
	}{
		"keys":     {func(m *storage.ClientMetadata) { m.JWKS = json.RawMessage(publicKey) }, ""},
		"jwks_uri": {func(m *storage.ClientMetadata) { m.JWKSURI = "https://app.example/jwks" }, ""},
		"both": {func(m *storage.ClientMetadata) {
			m.JWKS, m.JWKSURI = json.RawMessage(publicKey), "https://app.example/jwks"
		}, "jwks"},
		"a private key":       {func(m *storage.ClientMetadata) { m.JWKS = json.RawMessage(privateKey) }, "jwks"},
		"a secret":            {func(m *storage.ClientMetadata) { m.JWKS = json.RawMessage(`{"keys":[{"kty":"oct","k":"AAAA"}]}`) }, "jwks"},
		"no keys":             {func(m *storage.ClientMetadata) { m.JWKS = json.RawMessage(`{"keys":[]}`) }, "jwks"},
		"no key set":          {func(m *storage.ClientMetadata) { m.JWKS = json.RawMessage(`"x"`) }, "jwks"},
		"assertions, no keys": {func(m *storage.ClientMetadata) { m.TokenEndpointAuthMethod = "private_key_jwt" }, "jwks"},
		"objects, no keys":    {func(m *storage.ClientMetadata) { m.RequireSignedRequestObject = true }, "jwks"},
		"encrypted, no keys":  {func(m *storage.ClientMetadata) { m.IDTokenEncryptedResponseAlg = "ECDH-ES" }, "jwks"},
		"encrypted userinfo":  {func(m *storage.ClientMetadata) { m.UserinfoEncryptedResponseAlg = "RSA-OAEP" }, "jwks"},
		"assertions and a URI": {func(m *storage.ClientMetadata) {
			m.TokenEndpointAuthMethod, m.JWKSURI = "private_key_jwt", "https://a.example"
		}, ""},
		"encrypted": {func(m *storage.ClientMetadata) {
			m.JWKS, m.IDTokenEncryptedResponseAlg = json.RawMessage(publicKey), "ECDH-ES"
		}, ""},
		"encrypted request objects": {func(m *storage.ClientMetadata) { m.RequestObjectEncryptionAlg = "RSA-OAEP-256" }, ""},
		"enc without alg":           {func(m *storage.ClientMetadata) { m.IDTokenEncryptedResponseEnc = "A256GCM" }, "id_token_encrypted_response_enc"},
		"unknown enc": {func(m *storage.ClientMetadata) {
			m.RequestObjectEncryptionAlg, m.RequestObjectEncryptionEnc = "ECDH-ES", "A192GCM"
		}, "request_object_encryption_enc"},
		"RSA1_5":          {func(m *storage.ClientMetadata) { m.RequestObjectEncryptionAlg = "RSA1_5" }, "request_object_encryption_alg"},
		"unsigned":        {func(m *storage.ClientMetadata) { m.IDTokenSignedResponseAlg = "none" }, "id_token_signed_response_alg"},
		"HMAC":            {func(m *storage.ClientMetadata) { m.IDTokenSignedResponseAlg = "HS256" }, "id_token_signed_response_alg"},
		"not ours":        {func(m *storage.ClientMetadata) { m.UserinfoSignedResponseAlg = "PS256" }, "userinfo_signed_response_alg"},
		"signed userinfo": {func(m *storage.ClientMetadata) { m.UserinfoSignedResponseAlg = "ES256" }, ""},
		"unsigned requests": {func(m *storage.ClientMetadata) {
			m.JWKS, m.RequestObjectSigningAlg = json.RawMessage(publicKey), "none"
		}, "request_object_signing_alg"},
		"signed requests": {func(m *storage.ClientMetadata) {
			m.JWKS, m.RequestObjectSigningAlg = json.RawMessage(publicKey), "PS256"
		}, ""},
	} {
		m := storage.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}
		c.change(&m)
		faults := validate(m)
		if len(faults) > 1 || (len(faults) == 0) != (c.member == "") || len(faults) == 1 && faults[0].Member != c.member {
			t.Errorf("%s: got %q", name, faults)
		}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: small.Public()}}})
	if err != nil {
		t.Fatal(err)
	}
	if faults := validate(storage.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}, JWKS: set}); len(faults) != 1 {
		t.Errorf("an RSA key of 1024 bits: got %q", faults)
	}
}

// What is read with each request has an end, and nothing in it plays with the
// text around it on a page.
func TestEverythingIsBounded(t *testing.T) {
	t.Parallel()
	many := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = "https://app.example/" + strconv.Itoa(i)
		}
		return all
	}
	for name, c := range map[string]struct {
		change func(*storage.ClientMetadata)
		right  bool
	}{
		"a name":            {func(m *storage.ClientMetadata) { m.ClientName = "Caf\u00e9 \u4e16\u754c & Co." }, true},
		"a long name":       {func(m *storage.ClientMetadata) { m.ClientName = strings.Repeat("a", 257) }, false},
		"a line":            {func(m *storage.ClientMetadata) { m.ClientName = "Bank\nDo trust us" }, false},
		"a NUL":             {func(m *storage.ClientMetadata) { m.SoftwareID = "a\x00" }, false},
		"turned around":     {func(m *storage.ClientMetadata) { m.ClientName = "\u202eknab" }, false},
		"no UTF-8":          {func(m *storage.ClientMetadata) { m.ClientName = "\xff" }, false},
		"100 redirect URIs": {func(m *storage.ClientMetadata) { m.RedirectURIs = many(100) }, true},
		"101 redirect URIs": {func(m *storage.ClientMetadata) { m.RedirectURIs = many(101) }, false},
		"10 request URIs":   {func(m *storage.ClientMetadata) { m.RequestURIs = many(10) }, true},
		"11 request URIs":   {func(m *storage.ClientMetadata) { m.RequestURIs = many(11) }, false},
		"a fragment":        {func(m *storage.ClientMetadata) { m.RequestURIs = []string{"https://app.example/r#hash"} }, true},
		"a long request URI": {func(m *storage.ClientMetadata) {
			m.RequestURIs = []string{"https://a.example/" + strings.Repeat("a", 500)}
		}, false},
		"a long URI":     {func(m *storage.ClientMetadata) { m.TosURI = "https://a.example/" + strings.Repeat("a", 2048) }, false},
		"a long contact": {func(m *storage.ClientMetadata) { m.Contacts = []string{strings.Repeat("a", 257)} }, false},
		"any acr":        {func(m *storage.ClientMetadata) { m.DefaultACRValues = []string{"urn:unheard:of"} }, true},
		"many scopes":    {func(m *storage.ClientMetadata) { m.Scope = strings.Repeat("a ", 2100) }, false},
		"a NUL in a key": {func(m *storage.ClientMetadata) {
			m.JWKS = json.RawMessage(strings.Replace(publicKey, `"kty"`, `"kid":"a\u0000","kty"`, 1))
		}, false},
		"too much": {func(m *storage.ClientMetadata) {
			for i := range 40 {
				m.RedirectURIs = append(m.RedirectURIs, "https://a.example/"+strings.Repeat("a", 1900)+strconv.Itoa(i))
			}
		}, false},
	} {
		m := storage.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}
		c.change(&m)
		faults := validate(m)
		if (len(faults) == 0) != c.right {
			t.Errorf("%s: got %q", name, faults)
		}
		for _, f := range faults {
			if !described.MatchString(f.Problem) || len(f.String()) > 1000 {
				t.Errorf("%s: %q cannot be told", name, f)
			}
		}
	}
}

// OpenID Connect Back-Channel Logout §2.2 and Front-Channel Logout §2.
func TestLogoutOfTheClient(t *testing.T) {
	t.Parallel()
	m := storage.ClientMetadata{
		RedirectURIs: []string{"https://app.example/cb"}, PostLogoutRedirectURIs: []string{"https://elsewhere.example/bye"},
		BackchannelLogoutURI:  "https://backend.example/bye?a=b",
		FrontchannelLogoutURI: "https://APP.example:443/bye?a=b",
	}
	faultless(t, m)
	m.BackchannelLogoutURI = "http://10.0.0.1/bye"
	open := policy
	open.HTTP = true
	if faults := client.Validate(client.Defaults(m), open); len(faults) > 0 {
		t.Errorf("where plain http is allowed: got %q", faults)
	}
}

// RFC 6749 Appendix A.1.
func TestClientIDIsPrintableASCII(t *testing.T) {
	t.Parallel()
	for id, right := range map[string]bool{
		"app": true, "https://app.example/": true, "a b~": true,
		"": false, client.AccountID: false, "caf\u00e9": false, "a\x00": false, "a\x7f": false, "a\n": false,
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

// RFC 7591 §2 and OpenID Connect Registration §2: the defaults.
func TestDefaultsOfRegistration(t *testing.T) {
	t.Parallel()
	got := client.Defaults(storage.ClientMetadata{IDTokenEncryptedResponseAlg: "ECDH-ES", ResponseTypes: []string{"code", "code"}})
	want := storage.ClientMetadata{
		TokenEndpointAuthMethod: "client_secret_basic",
		GrantTypes:              []string{"authorization_code"}, ResponseTypes: []string{"code"},
		SubjectType: "public", IDTokenSignedResponseAlg: "RS256",
		IDTokenEncryptedResponseAlg: "ECDH-ES", IDTokenEncryptedResponseEnc: "A128CBC-HS256",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	machine := storage.ClientMetadata{GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: "client_secret_basic"}
	if diff := cmp.Diff(machine, client.Defaults(machine)); diff != "" {
		t.Error("a machine signs nobody in", diff)
	}
}
