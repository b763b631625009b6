package discovery_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/discovery"
	"github.com/gatelodge/gatelodge/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	configuration = "/.well-known/openid-configuration"
	jwks          = "/.well-known/jwks.json"
)

// What is published is looked at by every client: a change of it is a change for
// all of them.
func TestMetadata(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Issuer = "https://op.example" }})
	var indented strings.Builder
	encoder := json.NewEncoder(&indented)
	encoder.SetIndent("", "  ")
	var raw json.RawMessage = []byte(p.Get(t, p.Client(), configuration).Body)
	if err := encoder.Encode(raw); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "metadata.json")
	if *update {
		if err := os.WriteFile(golden, []byte(indented.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("metadata (-want +got), -update to accept:\n%s", diff)
	}
}

// OpenID Connect Discovery §4 and RFC 8414 §3 name different places.
func TestBothPlacesTellTheSame(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	one := p.Get(t, p.Client(), configuration)
	other := p.Get(t, p.Client(), "/.well-known/oauth-authorization-server")
	if one.Body != other.Body || metadata(t, p).Issuer != p.Config.Issuer {
		t.Errorf("got %s and %s", one.Body, other.Body)
	}
}

// The documents can be cached, asked for again cheaply, and read by any script.
func TestDocumentsAreCacheable(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for path, contentType := range map[string]string{configuration: "application/json", jwks: "application/jwk-set+json"} {
		first := p.Get(t, p.Client(), path)
		for header, want := range map[string]string{
			"Content-Type": contentType, "Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*",
		} {
			if got := first.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", path, header, got, want)
			}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", first.Header.Get("ETag"))
		if again := providertest.Do(t, p.Client(), r); again.StatusCode != http.StatusNotModified || again.Body != "" {
			t.Errorf("%s, unchanged: status %d", path, again.StatusCode)
		}
	}
}

// RFC 7517: public keys, and nothing else of them.
func TestJWKSHasNoPrivateKey(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(p.Get(t, p.Client(), jwks).Body), &set); err != nil {
		t.Fatal(err)
	}
	uses := map[string]int{}
	for _, key := range set.Keys {
		uses[key["use"]]++
	}
	if want := map[string]int{"sig": len(p.Config.Keys.Algorithms), "enc": 2}; !maps.Equal(uses, want) {
		t.Errorf("keys by use: %v, want %v", uses, want)
	}
	allowed := map[string]bool{"kty": true, "use": true, "kid": true, "alg": true, "n": true, "e": true, "crv": true, "x": true, "y": true}
	for _, key := range set.Keys {
		for member := range key {
			if !allowed[member] {
				t.Errorf("a %s key has the member %q", key["alg"], member)
			}
		}
	}
}

func metadata(t *testing.T, p *providertest.Provider) (m discovery.Metadata) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.Get(t, p.Client(), configuration).Body), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Each address is served, under the issuer.
func TestAdvertisedEndpointsExist(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Registration.Policy = "open" }})
	addresses := 0
	for member, value := range p.Get(t, p.Client(), configuration).JSON(t) {
		address, _ := value.(string)
		path, ok := strings.CutPrefix(address, p.Config.Issuer+"/")
		if !ok {
			continue
		}
		addresses++
		if res := p.Get(t, p.Client(), "/"+path); res.StatusCode == http.StatusNotFound {
			t.Errorf("%s: status %d", member, res.StatusCode)
		}
	}
	if addresses != 9 {
		t.Errorf("there are %d addresses", addresses)
	}
}

// Each grant type is understood, and the password grant advertised only when it is.
func TestAdvertisedGrantTypesWork(t *testing.T) {
	t.Parallel()
	for _, password := range []bool{false, true} {
		p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Grants.Password = password }})
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
			m.GrantTypes = append(m.GrantTypes, "client_credentials")
		})
		tokens := p.Tokens(t)
		forms := map[string]url.Values{
			"authorization_code": providertest.CodeForm(p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(nil))),
			"refresh_token":      providertest.RefreshForm(tokens.Get("refresh_token")),
			"client_credentials": {"grant_type": {"client_credentials"}},
			"password": {
				"grant_type": {"password"}, "username": {providertest.Username}, "password": {providertest.Password},
			},
		}
		advertised := map[string]bool{}
		for _, grantType := range metadata(t, p).GrantTypesSupported {
			advertised[grantType] = true
		}
		for grantType, form := range forms {
			res := p.Token(t, form)
			if works := res.StatusCode == http.StatusOK; works != advertised[grantType] {
				t.Errorf("%s: advertised: %v, status %d: %s", grantType, advertised[grantType], res.StatusCode, res.Body)
			}
			delete(advertised, grantType)
		}
		delete(advertised, "implicit") // see TestAdvertisedAuthorizationParametersWork
		if len(advertised) > 0 {
			t.Errorf("advertised and not tested: %v", advertised)
		}
	}
}

// Each way to authenticate is good where it is advertised.
func TestAdvertisedAuthMethodsWork(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	m := metadata(t, p)
	algorithms := m.TokenEndpointAuthSigningAlgValues
	keys := registerSigner(t, p, algorithms)
	for _, endpoint := range []struct {
		path                string
		methods, algorithms []string
		form                url.Values
	}{
		{"/token", m.TokenEndpointAuthMethodsSupported, algorithms, providertest.CodeForm("glc_unknown")},
		{"/introspect", m.IntrospectionEndpointAuthMethods, m.IntrospectionEndpointAuthSigningAlgValues, url.Values{"token": {"x"}}},
		{"/revoke", m.RevocationEndpointAuthMethods, m.RevocationEndpointAuthSigningAlgValues, url.Values{"token": {"x"}}},
	} {
		for _, method := range endpoint.methods {
			form, basic := endpoint.form, []string(nil)
			switch method {
			case "none":
				form = providertest.With(form, "client_id", providertest.PublicID)
			case "client_secret_basic":
				basic = []string{providertest.ClientID, providertest.ClientSecret}
			case "client_secret_post":
				form = providertest.With(form, "client_id", providertest.ClientID, "client_secret", providertest.ClientSecret)
			case "private_key_jwt":
				for _, alg := range endpoint.algorithms {
					authenticated(t, method+" with "+alg, p.Post(t, p.Client(), endpoint.path, keys.assert(t, form, alg)))
				}
				continue
			default:
				t.Errorf("%s is not tested", method)
			}
			authenticated(t, method, p.Post(t, p.Client(), endpoint.path, form, basic...))
		}
	}
}

func authenticated(t *testing.T, method string, res providertest.Response) {
	t.Helper()
	if res.StatusCode != http.StatusOK && !strings.Contains(res.Body, `"invalid_grant"`) {
		t.Errorf("%s at %s: status %d: %s", method, res.Request.URL.Path, res.StatusCode, res.Body)
	}
}

// Each algorithm signs ID tokens, and what is not configured is not advertised.
func TestAdvertisedIDTokenAlgorithmsWork(t *testing.T) {
	t.Parallel()
	fewer := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Keys.Algorithms = []string{"ES256", "RS256"}
	}})
	if got := metadata(t, fewer).IDTokenSigningAlgValuesSupported; len(got) != 2 {
		t.Errorf("advertised are %v", got)
	}
	p := providertest.New(t, providertest.Options{})
	m := metadata(t, p)
	for _, alg := range m.IDTokenSigningAlgValuesSupported {
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.IDTokenSignedResponseAlg = alg })
		if header, _ := providertest.JWT(t, p.Tokens(t).Get("id_token")); header["alg"] != alg {
			t.Errorf("registered %s, got %v", alg, header["alg"])
		}
	}
}

// Each scope is granted, each claim released by one of them.
func TestAdvertisedScopesAndClaimsWork(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeUser(t, func(u *storage.User) {
		u.Claims = storage.Claims{
			Name: "x", GivenName: "x", FamilyName: "x", MiddleName: "x", Nickname: "x", PreferredUsername: "x",
			Profile: "x", Picture: "x", Website: "x", Email: "x", Gender: "x", Birthdate: "x", Zoneinfo: "x",
			Locale: "x", PhoneNumber: "x", Address: &storage.Address{Country: "x"},
		}
	})
	m := metadata(t, p)
	scope := strings.Join(m.ScopesSupported, " ")
	params := providertest.AuthorizeParams(map[string]string{"scope": scope})
	tokens := p.Granted(t, providertest.CodeForm(p.Code(t, providertest.Browser(t), params)))
	if tokens["scope"] != scope {
		t.Errorf("asked for %q, got %q", scope, tokens["scope"])
	}
	released := p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)
	for _, claim := range m.ClaimsSupported {
		if _, ok := released[claim]; !ok {
			t.Errorf("%s is not released", claim)
		}
		delete(released, claim)
	}
	if len(released) > 0 {
		t.Errorf("released and not advertised: %v", released)
	}
}

// Each response type, response mode, prompt and code challenge method is
// understood by the authorization endpoint.
func TestAdvertisedAuthorizationParametersWork(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	m, browser := metadata(t, p), providertest.Browser(t)
	p.Code(t, browser, providertest.AuthorizeParams(nil))
	p.ChangeClient(t, providertest.ClientID, func(c *storage.ClientMetadata) {
		c.ResponseTypes, c.GrantTypes = m.ResponseTypesSupported, m.GrantTypesSupported
	})
	values := map[string][]string{
		"response_type": m.ResponseTypesSupported, "prompt": m.PromptValuesSupported,
		"code_challenge_method": m.CodeChallengeMethodsSupported, "response_mode": nil,
	}
	for _, mode := range m.ResponseModesSupported {
		values["response_mode"] = append(values["response_mode"], string(mode))
	}
	for parameter, supported := range values {
		for _, value := range supported {
			res := p.SignIn(t, browser, providertest.AuthorizeParams(map[string]string{parameter: value}))
			location := res.Header.Get("Location")
			answered := strings.Contains(location, "code=") || strings.Contains(location, "id_token=") ||
				strings.Contains(res.Body, `name="code"`)
			choice := res.StatusCode == http.StatusOK && parameter == "prompt" // a page
			if !answered && !choice || strings.Contains(location, "error=") {
				t.Errorf("%s=%s: status %d, to %q", parameter, value, res.StatusCode, location)
			}
		}
		res := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{parameter: "unheard_of"}))
		if !strings.Contains(res.Header.Get("Location"), "error=") {
			t.Errorf("%s=unheard_of: status %d", parameter, res.StatusCode)
		}
	}
	for parameter, supported := range map[string][]string{
		"display": m.DisplayValuesSupported, "acr_values": m.ACRValuesSupported, "ui_locales": m.UILocalesSupported,
	} {
		for _, value := range append(supported, "unheard_of") { // each of them is a wish
			p.Code(t, browser, providertest.AuthorizeParams(map[string]string{parameter: value}))
		}
	}
}

// Each subject type can be had: a public sub is the same for every client, a
// pairwise one is not.
func TestAdvertisedSubjectTypesWork(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	subjects := map[any]string{}
	for _, subjectType := range metadata(t, p).SubjectTypesSupported {
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.SubjectType = subjectType })
		_, claims := providertest.JWT(t, p.Tokens(t).Get("id_token"))
		if (claims["sub"] == providertest.UserID) != (subjectType == "public") || subjects[claims["sub"]] != "" {
			t.Errorf("%s: sub %v", subjectType, claims["sub"])
		}
		subjects[claims["sub"]] = subjectType
	}
	native := []string{"client_id", providertest.PublicID, "redirect_uri", providertest.NativeURI}
	code := p.Code(t, providertest.Browser(t), providertest.With(providertest.AuthorizeParams(nil), native...))
	public := p.Granted(t, providertest.With(providertest.CodeForm(code), native...), "")
	if _, claims := providertest.JWT(t, public.Get("id_token")); subjects[claims["sub"]] != "public" {
		t.Errorf("another client knows the person as %v", claims["sub"])
	}
}

// RFC 9110 §9.3.2: a HEAD is for caches that look at a document. It is safe, §9.2.1,
// and so no way to ask for a code.
func TestHeadIsForDocuments(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for path, want := range map[string]int{
		configuration: http.StatusOK,
		jwks:          http.StatusOK,
		"/authorize?" + providertest.AuthorizeParams(nil).Encode(): http.StatusMethodNotAllowed,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res := providertest.Do(t, providertest.Browser(t), r); res.StatusCode != want || res.Body != "" {
			t.Errorf("%s: status %d, want %d, and %d bytes", path, res.StatusCode, want, len(res.Body))
		}
	}
}
