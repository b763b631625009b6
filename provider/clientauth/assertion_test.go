package clientauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// signer is a client that authenticates with private_key_jwt.
type signer struct {
	*providertest.Provider
	key crypto.Signer
}

func newSigner(t *testing.T, p *providertest.Provider) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{p, key}
	s.register(t, jose.JSONWebKey{Key: key.Public(), KeyID: "a-key", Algorithm: "ES256", Use: "sig"})
	return s
}

func (s *signer) register(t *testing.T, keys ...jose.JSONWebKey) {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	s.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, JWKS: set, TokenEndpointAuthMethod: "private_key_jwt",
		GrantTypes: []string{"client_credentials", "authorization_code", "refresh_token"},
	})
}

// claims are those of a good assertion, with changes: nil takes a claim away.
func (s *signer) claims(changes map[string]any) map[string]any {
	now := s.Clock.Now().Unix()
	c := map[string]any{
		"iss": "signer", "sub": "signer", "aud": s.Config.Issuer, "jti": rand.Text(),
		"iat": now, "exp": now + 60,
	}
	for claim, value := range changes {
		if c[claim] = value; value == nil {
			delete(c, claim)
		}
	}
	return c
}

// sign signs an assertion with the client's key.
func (s *signer) sign(t *testing.T, changes map[string]any) string {
	t.Helper()
	return providertest.SignJWT(t, "ES256", s.key, s.claims(changes), map[string]any{"kid": "a-key"})
}

// anyJWT is a JWT that might be the assertion of a client.
func anyJWT(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.SignJWT(t, "EdDSA", key, map[string]any{"sub": id}, nil)
}

func withAssertion(form url.Values, assertion string) url.Values {
	return providertest.With(form, "client_assertion_type", jwtBearer, "client_assertion", assertion)
}

func (s *signer) token(t *testing.T, assertion string) providertest.Response {
	t.Helper()
	return s.Token(t, withAssertion(clientCredentials(), assertion), "")
}

func refused(t *testing.T, res providertest.Response) {
	t.Helper()
	providertest.Refused(t, res, http.StatusUnauthorized, "invalid_client")
}

// RFC 7523 §3, claim by claim.
func TestAssertionClaims(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	issuer, now := s.Config.Issuer, s.Clock.Now().Unix()
	tests := map[string]struct {
		changes map[string]any
		good    bool
	}{
		"as it should be":                   {nil, true},
		"aud the token endpoint":            {map[string]any{"aud": issuer + "/token"}, true},
		"aud an array of one":               {map[string]any{"aud": []string{issuer}}, true},
		"without iat":                       {map[string]any{"iat": nil}, true},
		"just expired, for clocks differ":   {map[string]any{"exp": now - 29}, true},
		"a little early, for clocks differ": {map[string]any{"nbf": now + 29, "iat": now + 29}, true},

		"aud an array with a foreign one": {map[string]any{"aud": []string{issuer, "https://other.example"}}, false}, // CVE-2025-27370
		"aud twice ours":                  {map[string]any{"aud": []string{issuer, issuer + "/token"}}, false},
		"aud foreign":                     {map[string]any{"aud": "https://other.example"}, false},
		"aud with a slash":                {map[string]any{"aud": issuer + "/"}, false},
		"aud only a part":                 {map[string]any{"aud": issuer[:len(issuer)-1]}, false},
		"aud another path":                {map[string]any{"aud": issuer + "/userinfo"}, false},
		"aud empty":                       {map[string]any{"aud": ""}, false},
		"aud an empty array":              {map[string]any{"aud": []string{}}, false},
		"aud absent":                      {map[string]any{"aud": nil}, false},
		"aud a number":                    {map[string]any{"aud": 1}, false},
		"iss another":                     {map[string]any{"iss": id}, false},
		"iss absent":                      {map[string]any{"iss": nil}, false},
		"sub absent":                      {map[string]any{"sub": nil}, false},
		"sub another client":              {map[string]any{"sub": id}, false},
		"sub that is no text":             {map[string]any{"sub": "\x00", "iss": "\x00"}, false},
		"jti absent":                      {map[string]any{"jti": nil}, false},
		"jti empty":                       {map[string]any{"jti": ""}, false},
		"jti a number":                    {map[string]any{"jti": 7}, false},
		"exp absent":                      {map[string]any{"exp": nil}, false},
		"expired":                         {map[string]any{"exp": now - 30}, false},
		"exp far away":                    {map[string]any{"exp": now + 601}, false},
		"exp beyond all numbers":          {map[string]any{"exp": 1e300}, false},
		"exp a string":                    {map[string]any{"exp": "soon"}, false},
		"nbf in the future":               {map[string]any{"nbf": now + 31}, false},
		"iat in the future":               {map[string]any{"iat": now + 31}, false},
		"nbf beyond all numbers":          {map[string]any{"nbf": 1e300}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := s.token(t, s.sign(t, test.changes))
			if !test.good {
				refused(t, res)
			} else if res.StatusCode != http.StatusOK {
				t.Errorf("status %d: %s", res.StatusCode, res.Body)
			}
		})
	}
}

// RFC 7515, RFC 8725: only the client's registered keys, each with its own
// algorithm, and nothing that the assertion itself brings along.
func TestAssertionSignature(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.register(t,
		jose.JSONWebKey{Key: s.key.Public(), KeyID: "a-key", Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "rsa", Use: "sig"},
		jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "rsa-only-ps", Algorithm: "PS256", Use: "sig"},
		jose.JSONWebKey{Key: edKey.Public(), KeyID: "ed"},
		jose.JSONWebKey{Key: []byte("a secret that is in the key set by mistake"), KeyID: "oct"},
	)
	modulus := rsaKey.N.Bytes()
	kid := func(kid string) map[string]any { return map[string]any{"kid": kid} }
	tests := map[string]struct {
		assertion string
		good      bool
	}{
		"ES256":            {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), kid("a-key")), true},
		"RS256":            {providertest.SignJWT(t, "RS256", rsaKey, s.claims(nil), kid("rsa")), true},
		"PS256":            {providertest.SignJWT(t, "PS256", rsaKey, s.claims(nil), kid("rsa")), true},
		"EdDSA":            {providertest.SignJWT(t, "EdDSA", edKey, s.claims(nil), kid("ed")), true},
		"without a kid":    {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), nil), true},
		"another typ":      {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), map[string]any{"typ": "client-authentication+jwt"}), true},
		"a request object": {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), map[string]any{"typ": "oauth-authz-req+jwt"}), false}, // RFC 9101 §10.8
		"a logout token":   {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), map[string]any{"typ": "application/logout+jwt"}), false},
		"an unknown key":   {providertest.SignJWT(t, "ES256", other, s.claims(nil), kid("a-key")), false},
		"an unknown kid":   {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), kid("b-key")), false},
		"another's kid":    {providertest.SignJWT(t, "RS256", rsaKey, s.claims(nil), kid("a-key")), false},
		"not the key's":    {providertest.SignJWT(t, "RS256", rsaKey, s.claims(nil), kid("rsa-only-ps")), false},
		"RS512":            {providertest.SignJWT(t, "RS512", rsaKey, s.claims(nil), kid("rsa")), false},
		"HS256":            {providertest.SignJWT(t, "HS256", []byte("a secret that is in the key set by mistake"), s.claims(nil), kid("oct")), false},
		"HS256, the RSA":   {providertest.SignJWT(t, "HS256", modulus, s.claims(nil), kid("rsa")), false},
		"key in the JWT":   {providertest.SignJWT(t, "ES256", other, s.claims(nil), map[string]any{"jwk": jose.JSONWebKey{Key: other.Public()}}), false},
		"an unknown crit":  {providertest.SignJWT(t, "ES256", s.key, s.claims(nil), map[string]any{"crit": []string{"x"}, "x": 1}), false},
		"none":             {"eyJhbGciOiJub25lIn0." + part(t, s.claims(nil)) + ".", false},
		"no JWT":           {"x.y.z", false},
		"two parts":        {"eyJhbGciOiJFUzI1NiJ9." + part(t, s.claims(nil)), false},
		"an ID token":      {s.Tokens(t).Get("id_token"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := s.token(t, test.assertion)
			if !test.good {
				refused(t, res)
			} else if res.StatusCode != http.StatusOK {
				t.Errorf("status %d: %s", res.StatusCode, res.Body)
			}
		})
	}
}

func part(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// The parameters around the assertion, RFC 7521 §4.2.
func TestAssertionParameters(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	form := withAssertion(clientCredentials(), s.sign(t, nil))
	for name, changes := range map[string][]string{
		"no type":           {"client_assertion_type", ""},
		"another type":      {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
		"another client_id": {"client_id", id},
	} {
		res := s.Token(t, providertest.With(form, changes...), "")
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, res.Body)
		}
	}
	refused(t, s.Token(t, providertest.With(form, "client_assertion", ""), ""))
	s.Granted(t, providertest.With(form, "client_id", "signer"), "")
}

// RFC 7523 §3: presented again, also at once, also elsewhere, it is refused.
func TestAssertionIsSingleUse(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		s := newSigner(t, p)
		assertion, good := s.sign(t, nil), 0
		for _, res := range providertest.Parallel(32, func(int) providertest.Response { return s.token(t, assertion) }) {
			if res.StatusCode == http.StatusOK {
				good++
				continue
			}
			refused(t, res)
		}
		if good != 1 {
			t.Errorf("%d of 32 requests with one assertion succeeded, want 1", good)
		}
		form := withAssertion(url.Values{"token": {"x"}}, assertion)
		refused(t, p.Post(t, p.Client(), "/introspect", form))
		refused(t, p.Post(t, p.Client(), "/revoke", form))

		// As long as it could still be taken for a good one.
		s.Clock.Advance(89 * time.Second)
		s.CleanUp(t)
		refused(t, s.token(t, assertion))
	})
}

// Each client's jti are its own.
func TestJTIBelongsToItsClient(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	c, err := s.Store.FindClient(t.Context(), "signer")
	if err != nil {
		t.Fatal(err)
	}
	c.ID = "other"
	if err := s.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"signer", "other"} {
		res := s.token(t, s.sign(t, map[string]any{"iss": client, "sub": client, "jti": "the-same"}))
		if res.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", res.StatusCode, res.Body)
		}
	}
}

// A jti is burnt by the request that it authenticates, and by none that fails:
// neither for what is wrong with the assertion, nor for anything else.
func TestFailedRequestDoesNotBurnTheJTI(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		s := newSigner(t, p)
		jti := map[string]any{"jti": "once"}
		refused(t, s.token(t, s.sign(t, map[string]any{"jti": "once", "aud": "https://other.example"})))
		refused(t, s.token(t, s.sign(t, map[string]any{"jti": "once", "exp": 1})))
		fails := s.Token(t, withAssertion(providertest.CodeForm("glc_unknown"), s.sign(t, jti)), "")
		providertest.InvalidGrant(t, fails)

		// A code that another request has spent in the meantime.
		code := s.Code(t, providertest.Browser(t), providertest.AuthorizeParams(map[string]string{"client_id": "signer"}))
		s.Granted(t, withAssertion(providertest.CodeForm(code), s.sign(t, nil)), "")
		providertest.InvalidGrant(t, s.Token(t, withAssertion(providertest.CodeForm(code), s.sign(t, jti)), ""))

		if res := s.token(t, s.sign(t, jti)); res.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", res.StatusCode, res.Body)
		}
		refused(t, s.token(t, s.sign(t, jti)))
	})
}

// The method is good at every endpoint that authenticates clients.
func TestAssertionAtIntrospectionAndRevocation(t *testing.T) {
	t.Parallel()
	s := newSigner(t, providertest.New(t, providertest.Options{}))
	tokens := s.Granted(t, withAssertion(clientCredentials(), s.sign(t, nil)), "")
	token := url.Values{"token": {tokens.Get("access_token")}}
	at := func(path string) providertest.Response {
		assertion := s.sign(t, map[string]any{"aud": s.Config.Issuer + path})
		return s.Post(t, s.Client(), path, withAssertion(token, assertion))
	}
	if got := at("/introspect").JSON(t); got["active"] != true {
		t.Errorf("got %v", got)
	}
	if res := at("/revoke"); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	if got := at("/introspect").JSON(t); got["active"] != false {
		t.Errorf("got %v", got)
	}
}
