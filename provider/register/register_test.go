package register_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/strictyaml"
	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const callback = "https://client.example/callback"

// open starts a provider that everybody may register with.
func open(t *testing.T, changes ...func(*config.Config)) *providertest.Provider {
	t.Helper()
	return providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Registration.Policy, c.Registration.PerNetwork = "open", 1000
		for _, change := range changes {
			change(c)
		}
	}})
}

// document is the metadata of a client with one redirect URI, and more.
func document(more map[string]any) map[string]any {
	d := map[string]any{"redirect_uris": []string{callback}}
	maps.Copy(d, more)
	return d
}

// send sends a request with a JSON body, unless that is nil, and a bearer token,
// unless that is "".
func send(t *testing.T, p *providertest.Provider, method, address, token string, body any) providertest.Response {
	t.Helper()
	encoded, ok := body.(string)
	if !ok && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		encoded = string(raw)
	}
	if strings.HasPrefix(address, "/") {
		address = p.URL + address
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return providertest.Do(t, p.Client(), r)
}

// registration is a client that has registered itself.
type registration struct {
	p                      *providertest.Provider
	id, secret, uri, token string
	// answer is the whole answer.
	answer map[string]any
}

// registered registers a client, with an initial access token unless that is "".
func registered(t *testing.T, p *providertest.Provider, initial string, d map[string]any) registration {
	t.Helper()
	res := send(t, p, http.MethodPost, "/register", initial, d)
	if res.StatusCode != http.StatusCreated || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	r := registration{p: p, answer: res.JSON(t)}
	for name, value := range map[string]*string{
		"client_id": &r.id, "client_secret": &r.secret,
		"registration_client_uri": &r.uri, "registration_access_token": &r.token,
	} {
		*value, _ = r.answer[name].(string)
	}
	return r
}

// stored is the client's record.
func (r registration) stored(t *testing.T) storage.Client {
	t.Helper()
	c, err := r.p.Store.FindClient(t.Context(), r.id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read reads the registration back.
func (r registration) read(t *testing.T) map[string]any {
	t.Helper()
	res := send(t, r.p, http.MethodGet, r.uri, r.token, nil)
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	return res.JSON(t)
}

// unauthorized checks for the answer to a token that is not good, RFC 6750 §3.
func unauthorized(t *testing.T, res providertest.Response) {
	t.Helper()
	if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer ") ||
		res.JSON(t)["error"] != "invalid_token" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %q: %s", res.StatusCode, res.Header.Get("WWW-Authenticate"), res.Body)
	}
}

// RFC 7591 §3.2.1 and RFC 7592 §3: 201 with everything that is registered, the
// defaults of OpenID Connect Registration §2 included.
func TestAnswerHasEverythingThatIsRegistered(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(map[string]any{
		"client_name": "Caf\u00e9", "client_name#de": "Kaffeehaus", "contacts": []string{"ops@client.example"}, "unheard_of": 1,
	}))
	if !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(r.id) || len(r.secret) < 43 || len(r.token) < 43 {
		t.Errorf("got %v", r.answer)
	}
	want := map[string]any{
		"client_id": r.id, "client_secret": r.secret, "client_id_issued_at": float64(p.Clock.Now().Unix()),
		"client_secret_expires_at": 0.0, "registration_access_token": r.token,
		"registration_client_uri": p.Config.Issuer + "/register/" + r.id,
		"redirect_uris":           []any{callback}, "client_name": "Caf\u00e9", "contacts": []any{"ops@client.example"},
		"application_type": "web", "response_types": []any{"code"}, "grant_types": []any{"authorization_code"},
		"token_endpoint_auth_method": "client_secret_basic", "subject_type": "public", "require_pkce": false,
		"id_token_signed_response_alg": "RS256", "scope": "openid profile email address phone offline_access",
	}
	if diff := cmp.Diff(want, r.answer); diff != "" {
		t.Error(diff)
	}
	if c := r.stored(t); c.RegistrationHash != storage.HashOf(r.token) || bytes.Contains(c.SecretHash, []byte(r.secret)) {
		t.Error("what is stored is not the hash")
	}
	delete(want, "client_secret") // which is not stored
	if diff := cmp.Diff(want, r.read(t)); diff != "" {
		t.Error(diff)
	}
	if res := p.Get(t, p.Client(), "/.well-known/openid-configuration"); res.JSON(t)["registration_endpoint"] != p.Config.Issuer+"/register" {
		t.Error("discovery does not tell of it")
	}
}

// A client with nothing to keep secret gets no secret: RFC 7591 §3.2.1.
func TestSecretIsForClientsThatUseOne(t *testing.T) {
	t.Parallel()
	p := open(t)
	for method, secret := range map[string]bool{
		"client_secret_basic": true, "client_secret_post": true, "private_key_jwt": false, "none": false,
	} {
		d := document(map[string]any{"token_endpoint_auth_method": method, "client_secret": "my own choice of a secret, chosen by me"})
		if method == "private_key_jwt" {
			d["jwks_uri"] = "https://client.example/jwks"
		}
		r := registered(t, p, "", d)
		_, expires := r.answer["client_secret_expires_at"]
		if (r.secret != "") != secret || expires != secret || strings.Contains(r.secret, "choice") {
			t.Errorf("%s: got %v", method, r.answer)
		}
	}
}

// What has been registered works at once: with the secret that was told, and
// without PKCE, RFC 9700 §2.1.1.
func TestRegisteredClientSignsIn(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(map[string]any{"grant_types": []string{"authorization_code", "refresh_token"}}))
	code := p.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{
		"client_id": r.id, "redirect_uri": callback, "code_challenge": "", "code_challenge_method": "", "scope": "openid",
	}))
	p.Granted(t, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}, r.id, r.secret)
}

// PKCE is for clients that cannot prove themselves, and for those whose codes
// others can receive: RFC 9700 §2.1.1, RFC 8252 §8.1.
func TestWhoNeedsPKCE(t *testing.T) {
	t.Parallel()
	p := open(t)
	for name, c := range map[string]struct {
		document map[string]any
		want     bool
	}{
		"confidential":               {document(nil), false},
		"confidential that wants it": {document(map[string]any{"require_pkce": true}), true},
		"public":                     {document(map[string]any{"token_endpoint_auth_method": "none"}), true},
		"public that does not":       {document(map[string]any{"token_endpoint_auth_method": "none", "require_pkce": false}), true},
		"on the device": {map[string]any{
			"redirect_uris": []string{"http://127.0.0.1/cb"}, "application_type": "native", "require_pkce": false,
		}, true},
	} {
		if got := registered(t, p, "", c.document).answer["require_pkce"]; got != c.want {
			t.Errorf("%s: require_pkce is %v", name, got)
		}
	}
}

// RFC 7591 §3.2.2: what is wrong with the metadata is told with a code.
func TestRefusedMetadata(t *testing.T) {
	t.Parallel()
	p := open(t)
	for name, c := range map[string]struct {
		document any
		code     string
	}{
		"oidcc-redirect-uri-regfrag":           {map[string]any{"redirect_uris": []string{callback + "#foobar"}}, "invalid_redirect_uri"},
		"oidcc-3rd_party-init-login-nohttps":   {document(map[string]any{"initiate_login_uri": "http://client.example"}), "invalid_client_metadata"},
		"no redirect URI":                      {map[string]any{}, "invalid_redirect_uri"},
		"plain http":                           {map[string]any{"redirect_uris": []string{"http://client.example/cb"}}, "invalid_redirect_uri"},
		"a private scheme for a web client":    {map[string]any{"redirect_uris": []string{"com.example:/cb"}}, "invalid_redirect_uri"},
		"localhost for a web client, implicit": {map[string]any{"redirect_uris": []string{"https://localhost/cb"}, "response_types": []string{"id_token"}}, "invalid_redirect_uri"},
		"a wrong type":                         {map[string]any{"redirect_uris": callback}, "invalid_client_metadata"},
		"a fraction of a second":               {document(map[string]any{"default_max_age": 0.5}), "invalid_client_metadata"},
		"no signature":                         {document(map[string]any{"id_token_signed_response_alg": "none"}), "invalid_client_metadata"},
		"a response type without its grant":    {document(map[string]any{"response_types": []string{"code id_token"}, "grant_types": []string{"authorization_code"}}), "invalid_client_metadata"},
		"a private key":                        {document(map[string]any{"jwks": map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "AAAA"}}}}), "invalid_client_metadata"},
		"a software statement":                 {document(map[string]any{"software_statement": "e30.e30."}), "unapproved_software_statement"},
		"a member twice":                       {`{"redirect_uris":["` + callback + `"],"client_name":"a","client_name":"b"}`, "invalid_client_metadata"},
		"a NUL":                                {`{"redirect_uris":["` + callback + `"],"client_name":"\u0000"}`, "invalid_client_metadata"},
		"half a character":                     {`{"redirect_uris":["` + callback + `"],"client_name":"\ud800"}`, "invalid_client_metadata"},
		"an unknown scope":                     {document(map[string]any{"scope": "openid write.everything"}), "invalid_client_metadata"},
		"the scope of an API":                  {document(map[string]any{"scope": "openid " + providertest.APIScope}), "invalid_client_metadata"},
		"to act for itself":                    {document(map[string]any{"grant_types": []string{"authorization_code", "client_credentials"}}), "invalid_client_metadata"},
		"to take passwords":                    {document(map[string]any{"grant_types": []string{"authorization_code", "password"}}), "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Refused(t, send(t, p, http.MethodPost, "/register", "", c.document), http.StatusBadRequest, c.code)
		})
	}
}

// What is no registration at all is refused before any of it is looked at.
func TestBodiesThatAreNoRegistration(t *testing.T) {
	t.Parallel()
	p := open(t)
	good := `{"redirect_uris":["` + callback + `"]`
	for name, body := range map[string]string{
		"nothing": "", "a list": "[]", "a text": `"x"`, "null": "null", "cut off": good, "two": good + "}{}",
		"followed by something": good + "} x", "no UTF-8": good + `,"client_name":"` + "\xff" + `"}`,
		"deep":             good + `,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		"more than 64 KiB": good + `,"x":"` + strings.Repeat("x", 64<<10) + `"}`,
		"a form":           "redirect_uris=" + url.QueryEscape(callback),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Refused(t, send(t, p, http.MethodPost, "/register", "", body), http.StatusBadRequest, "invalid_request")
		})
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/register", strings.NewReader(good+"}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/plain") // which a page of any site can send
	providertest.Refused(t, providertest.Do(t, p.Client(), r), http.StatusBadRequest, "invalid_request")
}

// Nothing that is the operator's to give can be taken, whatever way it is
// written, and a member that is new is decided on: here, or the test fails.
func TestMembersThatAreTheOperators(t *testing.T) {
	t.Parallel()
	p := open(t)
	d := document(map[string]any{
		"skip_consent": true, "Skip_Consent": true, "\u017fkip_con\u017fent": true, "SKIP_CONSENT": true, "refresh_grace_seconds": 3600,
		"theme":     map[string]any{"brand": "#b91c1c"},
		"client_id": providertest.ClientID, "registration_access_token": "mine", "created_at": 0, "Redirect_URIs": []string{"https://evil.example"},
	})
	r := registered(t, p, "", d)
	if c := r.stored(t); r.id == providertest.ClientID || r.token == "mine" || c.Metadata.SkipConsent ||
		c.Metadata.RefreshGraceSeconds != nil || c.Metadata.Theme != (storage.Theme{}) || c.Metadata.RedirectURIs[0] != callback {
		t.Errorf("got %+v", c)
	}
	everything := registered(t, p, "", every)
	operators := []string{"skip_consent", "refresh_grace_seconds", "theme"}
	either := []string{"jwks", "sector_identifier_uri"} // see other tests
	for field := range reflect.TypeFor[storage.ClientMetadata]().Fields() {
		name := strictyaml.Name(field)
		_, known := everything.answer[name]
		if known == slices.Contains(operators, name) && !slices.Contains(either, name) {
			t.Errorf("%s: registered %t", name, known)
		}
	}
	for name, value := range every {
		if diff := cmp.Diff(asJSON(t, value), everything.answer[name]); diff != "" && !slices.Contains(operators, name) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// every has every member that a client can register.
var every = map[string]any{
	"client_name": "Everything", "client_uri": "https://client.example/", "logo_uri": "https://client.example/logo.png",
	"policy_uri": "https://client.example/policy", "tos_uri": "https://client.example/terms",
	"contacts": []string{"a@client.example"}, "application_type": "web", "software_id": "x", "software_version": "1",
	"initiate_login_uri": "https://client.example/login", "redirect_uris": []string{callback},
	"response_types": []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
	"grant_types":    []string{"authorization_code", "implicit", "refresh_token"}, "scope": "openid email",
	"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
	"jwks_uri": "https://client.example/jwks", "subject_type": "pairwise",
	"id_token_signed_response_alg": "ES256", "id_token_encrypted_response_alg": "RSA-OAEP", "id_token_encrypted_response_enc": "A256GCM",
	"userinfo_signed_response_alg": "RS256", "userinfo_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_enc": "A128GCM",
	"request_uris": []string{"https://client.example/r"}, "request_object_signing_alg": "PS256",
	"request_object_encryption_alg": "RSA-OAEP-256", "request_object_encryption_enc": "A128GCM",
	"require_signed_request_object": true, "default_max_age": 0, "require_auth_time": true, "default_acr_values": []string{"a"},
	"required_acr":              "urn:gatelodge:acr:mfa",
	"post_logout_redirect_uris": []string{"https://client.example/bye"},
	"backchannel_logout_uri":    "https://client.example/back", "backchannel_logout_session_required": true,
	"frontchannel_logout_uri": "https://client.example/front", "frontchannel_logout_session_required": true,
	"access_token_format": "opaque", "require_pkce": true, "skip_consent": true, "id_token_user_claims": true,
	"refresh_grace_seconds": 1,
}

func asJSON(t *testing.T, value any) (decoded any) {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// A key set is stored as far as it is understood, whatever else is in it.
func TestKeySetIsStoredAsItIsUnderstood(t *testing.T) {
	t.Parallel()
	p := open(t)
	const key = `{"kty":"EC","crv":"P-256","kid":"1","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
		`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	res := send(t, p, http.MethodPost, "/register", "",
		`{"redirect_uris":["`+callback+`"],"jwks":{"keys":[`+key+`,"tiny":1e-99999,"nul":"\u0000"}],"x":1}}`)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	want := map[string]any{}
	if err := json.Unmarshal([]byte(`{"keys":[`+key+`}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), res.JSON(t)["jwks"]); diff != "" {
		t.Error(diff)
	}
}

// A closed registration is not there.
func TestClosedRegistrationIsNotThere(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if res := send(t, p, method, "/register", "", document(nil)); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", method, res.StatusCode)
		}
	}
	if _, ok := p.Get(t, p.Client(), "/.well-known/openid-configuration").JSON(t)["registration_endpoint"]; ok {
		t.Error("discovery tells of it")
	}
}

// initialToken lets its bearer register so many clients within an hour.
func initialToken(t *testing.T, p *providertest.Provider, uses int) string {
	t.Helper()
	token := register.NewInitialAccessToken()
	if err := p.Store.AddInitialAccessToken(t.Context(), storage.InitialAccessToken{
		ID: token[:8], Hash: storage.HashOf(token), Remaining: uses,
		CreatedAt: p.Clock.Now(), ExpiresAt: p.Clock.Now().Add(time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	return token
}

// RFC 7591 §3: with the policy "token", an initial access token registers as many
// clients as it says, until it expires.
func TestInitialAccessTokenIsNeededAndUsedUp(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: func(c *config.Config) {
		c.Registration.Policy = "token"
	}}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for _, wrong := range []string{"", "gli_wrong", "x y"} {
			unauthorized(t, send(t, p, http.MethodPost, "/register", wrong, document(nil)))
		}
		token := initialToken(t, p, 2)
		answers := providertest.Parallel(5, func(int) providertest.Response {
			return send(t, p, http.MethodPost, "/register", token, document(nil))
		})
		created := 0
		for _, res := range answers {
			if res.StatusCode == http.StatusCreated {
				created++
				continue
			}
			unauthorized(t, res)
		}
		if created != 2 {
			t.Errorf("%d clients were registered", created)
		}
		late := initialToken(t, p, 1)
		p.Clock.Advance(time.Hour)
		unauthorized(t, send(t, p, http.MethodPost, "/register", late, document(nil)))
	})
}

// Refused metadata costs no use of the token.
func TestMistakeCostsNoUse(t *testing.T) {
	t.Parallel()
	p := open(t, func(c *config.Config) { c.Registration.Policy = "token" })
	token := initialToken(t, p, 1)
	providertest.Refused(t, send(t, p, http.MethodPost, "/register", token, map[string]any{}), http.StatusBadRequest, "invalid_redirect_uri")
	registered(t, p, token, document(nil))
}

// Whom the operator has given a token may have what is not for everybody; a token
// that is not good is no better than none, even where none is needed.
func TestInitialAccessTokenGivesMore(t *testing.T) {
	t.Parallel()
	p := open(t)
	machine := map[string]any{"grant_types": []string{"client_credentials"}, "scope": providertest.APIScope}
	r := registered(t, p, initialToken(t, p, 1), machine)
	p.Granted(t, url.Values{"grant_type": {"client_credentials"}, "scope": {providertest.APIScope}}, r.id, r.secret)
	for _, still := range []map[string]any{
		document(map[string]any{"grant_types": []string{"authorization_code", "password"}}),
		document(map[string]any{"scope": "unheard.of"}),
	} {
		providertest.Refused(t, send(t, p, http.MethodPost, "/register", initialToken(t, p, 1), still), http.StatusBadRequest, "invalid_client_metadata")
	}
	unauthorized(t, send(t, p, http.MethodPost, "/register", "gli_wrong", document(nil)))
}

// A network registers so many clients in a day; mistakes do not count.
func TestQuotaOfANetwork(t *testing.T) {
	t.Parallel()
	p := open(t, func(c *config.Config) { c.Registration.PerNetwork = 2 })
	providertest.Refused(t, send(t, p, http.MethodPost, "/register", "", map[string]any{}), http.StatusBadRequest, "invalid_redirect_uri")
	for range 2 {
		registered(t, p, "", document(nil))
	}
	res := send(t, p, http.MethodPost, "/register", "", document(nil))
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || res.JSON(t)["error"] != "invalid_request" {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	p.Clock.Advance(24 * time.Hour)
	registered(t, p, "", document(nil))
}

// Who registers and never comes back is forgotten.
func TestUnusedClientExpires(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(nil))
	if c := r.stored(t); !c.ExpiresAt.Equal(p.Clock.Now().Add(p.Config.Registration.Unused)) {
		t.Errorf("expires at %s", c.ExpiresAt)
	}
	p.Clock.Advance(p.Config.Registration.Unused)
	unauthorized(t, send(t, p, http.MethodGet, r.uri, r.token, nil))
	p.CleanUp(t)
	if _, err := p.Store.FindClient(context.Background(), r.id); err == nil {
		t.Error("the client is still there")
	}
}
