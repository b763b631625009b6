package requestobject_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// good are the parameters of claims().
var good = url.Values{
	"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {providertest.RedirectURI},
}

func TestRequestWithoutObjectIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	form := url.Values{"client_id": {"web"}, "state": {"a", "b"}, "request": {""}}
	if diff := cmp.Diff(form, f.resolves(t, form)); diff != "" {
		t.Error(diff)
	}
}

// RFC 9101 §10.5.
func TestClientThatPromisedSignedRequestsMustSendThem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.client.Metadata.RequireSignedRequestObject = true
	f.refuses(t, url.Values{"client_id": {"web"}}, oauth.InvalidRequest)
	f.resolves(t, byValue(sign(t, "RS256", claims(), nil)))
}

// OpenID Connect Core §6.1: an object signed with any algorithm that discovery
// names, or with the one that the client has registered.
func TestObjectIsSignedByTheClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, registered := range append([]string{""}, oauth.SigningAlgorithms()...) {
		f.client.Metadata.RequestObjectSigningAlg = registered
		for _, alg := range oauth.SigningAlgorithms() {
			form := byValue(sign(t, alg, claims(), nil))
			if registered != "" && registered != alg {
				f.refuses(t, form, oauth.InvalidRequestObject)
				continue
			}
			if diff := cmp.Diff(good, f.resolves(t, form)); diff != "" {
				t.Errorf("%s: %s", alg, diff)
			}
		}
	}
}

// RFC 9864 §2.2: Ed25519 is EdDSA by its newer name.
func TestObjectIsSignedWithEd25519(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, payload, _ := strings.Cut(sign(t, "EdDSA", claims(), nil), ".")
	payload, _, _ = strings.Cut(payload, ".")
	input := encode(`{"alg":"Ed25519","kid":"EdDSA"}`) + "." + payload
	signature, err := signers()["EdDSA"].Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	object := input + "." + encode(string(signature))
	f.resolves(t, byValue(object))
	f.client.Metadata.RequestObjectSigningAlg = "EdDSA"
	f.resolves(t, byValue(object))
	f.client.Metadata.RequestObjectSigningAlg = "ES256"
	f.refuses(t, byValue(object), oauth.InvalidRequestObject)
}

// RFC 8725 §3.1, RFC 9101 §6.2: what is not signed with a key of this client is no
// request, be it signed with a key of ours.
func TestObjectThatTheClientHasNotSignedIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	payload, err := json.Marshal(claims())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := f.Keys.Sign(t.Context(), "ES256", "JWT", claims())
	if err != nil {
		t.Fatal(err)
	}
	signed := sign(t, "ES256", claims(), nil)
	parts := strings.Split(signed, ".")
	published, err := json.Marshal(jose.JSONWebKey{Key: signers()["RS256"].Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, object := range map[string]string{
		"none":                 encode(`{"alg":"none"}`) + "." + encode(string(payload)) + ".",
		"none, as if signed":   encode(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"None":                 encode(`{"alg":"None"}`) + "." + encode(string(payload)) + ".",
		"no alg":               encode(`{}`) + "." + parts[1] + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"two parts":            parts[0] + "." + parts[1],
		"no JWT":               "request",
		"empty header":         "." + parts[1] + "." + parts[2],
		"other claims":         parts[0] + "." + encode(`{"client_id":"web","scope":"admin"}`) + "." + parts[2],
		"HMAC with public key": providertest.SignJWT(t, "HS256", published, claims(), nil),
		"a stranger's key":     providertest.SignJWT(t, "ES256", stranger, claims(), map[string]any{"kid": "ES256"}),
		"a stranger's, no kid": providertest.SignJWT(t, "ES256", stranger, claims(), nil),
		"our own key":          ours,
		"alg twice":            encode(`{"alg":"none","alg":"ES256","kid":"ES256"}`) + "." + parts[1] + "." + parts[2],
		"alg no text":          encode(`{"alg":["ES256"]}`) + "." + parts[1] + "." + parts[2],
		"JSON serialization":   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"crit":                 sign(t, "ES256", claims(), map[string]any{"crit": []string{"x"}, "x": 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.refuses(t, byValue(object), oauth.InvalidRequestObject)
		})
	}
}

// RFC 9101 §4 and §10.8: a JWT that was made for something else is no request object.
func TestTypeOfTheObject(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for typ, good := range map[string]bool{
		"oauth-authz-req+jwt": true, "application/oauth-authz-req+jwt": true, "OAuth-Authz-Req+JWT": true,
		"JWT": true, "jwt": true, "": true,
		"at+jwt": false, "logout+jwt": false, "dpop+jwt": false, "secevent+jwt": false, "JWE": false,
	} {
		form := byValue(sign(t, "ES256", claims(), map[string]any{"typ": typ}))
		if good {
			f.resolves(t, form)
		} else {
			f.refuses(t, form, oauth.InvalidRequestObject)
		}
	}
	f.refuses(t, byValue(sign(t, "ES256", claims(), map[string]any{"typ": 1})), oauth.InvalidRequestObject)
}

// OpenID Connect Core §6.1, RFC 9101 §6.3 and §10.8, RFC 7519 §4.1: whose the object
// is, for whom, and when.
func TestObjectIsForUsFromThisClientNow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	now := start.Unix()
	for name, test := range map[string]struct {
		changes []any
		good    bool
	}{
		"no iss":                {[]any{"iss", nil}, true},
		"no client_id":          {[]any{"client_id", nil}, true},
		"neither":               {[]any{"iss", nil, "client_id", nil}, false},
		"another iss":           {[]any{"iss", "other"}, false},
		"another client_id":     {[]any{"client_id", "other"}, false},
		"another one's":         {[]any{"client_id", "other", "iss", "other"}, false},
		"iss no text":           {[]any{"iss", 1}, false},
		"client_id no text":     {[]any{"client_id", []string{"web"}}, false},
		"no aud":                {[]any{"aud", nil}, true},
		"several aud":           {[]any{"aud", []string{"https://other.example", issuer}}, true},
		"another aud":           {[]any{"aud", "https://other.example"}, false},
		"only others":           {[]any{"aud", []string{"https://other.example"}}, false},
		"no aud in the list":    {[]any{"aud", []string{}}, false},
		"aud longer":            {[]any{"aud", issuer + "/"}, false},
		"aud no text":           {[]any{"aud", 1}, false},
		"client assertion":      {[]any{"sub", "web"}, false},
		"another sub":           {[]any{"sub", "ada"}, true},
		"expires":               {[]any{"exp", now + 60}, true},
		"just expired":          {[]any{"exp", now - 29}, true},
		"expired":               {[]any{"exp", now - 30}, false},
		"exp with fraction":     {[]any{"exp", float64(now) + 1.5}, true},
		"exp beyond all clocks": {[]any{"exp", 1e300}, true},
		"exp before all clocks": {[]any{"exp", -1e300}, false},
		"exp no number":         {[]any{"exp", "tomorrow"}, false},
		"valid":                 {[]any{"nbf", now, "iat", now - 3600}, true},
		"clocks are off":        {[]any{"nbf", now + 30, "iat", now + 30}, true},
		"not yet":               {[]any{"nbf", now + 31}, false},
		"from the future":       {[]any{"iat", now + 31}, false},
		"iat no number":         {[]any{"iat", "now"}, false},
		"request inside":        {[]any{"request", "x.y.z"}, false},
		"request_uri inside":    {[]any{"request_uri", "https://app.example/r"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := byValue(sign(t, "EdDSA", claims(test.changes...), nil))
			if !test.good {
				f.refuses(t, form, oauth.InvalidRequestObject)
			} else if diff := cmp.Diff(good, f.resolves(t, form)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// RFC 9101 §6.3: what is beside the object counts for nothing, so that who has the
// address in their hands adds nothing and changes nothing.
func TestParametersBesideTheObjectAreIgnored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	form := byValue(sign(t, "ES256", claims("redirect_uri", nil), nil),
		"redirect_uri", "https://evil.example", "state", "evil", "response_type", "token", "scope", "openid admin",
		"prompt", "none", "max_age", "99999", "response_mode", "form_post", "id_token_hint", "x", "resource", "https://api.example")
	want := url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}}
	if diff := cmp.Diff(want, f.resolves(t, form)); diff != "" {
		t.Error(diff)
	}
}

// OpenID Connect Core §6.1: one object.
func TestRequestAndRequestURIExcludeEachOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	object := sign(t, "ES256", claims(), nil)
	f.refuses(t, byValue(object, "request_uri", "https://app.example/r"), oauth.InvalidRequest)
	f.refuses(t, url.Values{"client_id": {"web"}, "request": {object, object}}, oauth.InvalidRequest)
	f.refuses(t, url.Values{"client_id": {"web"}, "request_uri": {"https://app.example/r", ""}}, oauth.InvalidRequest)
}

// OpenID Connect Core §6.1, RFC 9101 §4: numbers, structures and lists arrive as
// they were.
func TestParametersArriveIntact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, test := range map[string]struct {
		member string   // JSON
		want   []string // nil: refused
	}{
		"max_age":           {`"max_age": 10`, []string{"10"}},
		"max_age 0":         {`"max_age": 0`, []string{"0"}},
		"exponent":          {`"max_age": 1e2`, []string{"100"}},
		"fraction":          {`"max_age": 10.50`, []string{"10.5"}},
		"text":              {`"max_age": "10"`, []string{"10"}},
		"large":             {`"max_age": 12345678901234567890`, []string{"12345678901234567890"}},
		"too large":         {`"max_age": 1e400`, nil},
		"not exact":         {`"max_age": 1e17`, nil},
		"true":              {`"x": true`, []string{"true"}},
		"false":             {`"x": false`, []string{"false"}},
		"null":              {`"x": null`, nullMeansAbsent},
		"claims":            {`"claims": {"userinfo": {"email": null, "a": {"value": 1.0, "essential": true}}, "id_token": {"acr": {"values": ["x", "y"]}}}`, []string{`{"userinfo":{"email":null,"a":{"value":1.0,"essential":true}},"id_token":{"acr":{"values":["x","y"]}}}`}},
		"claims as text":    {`"claims": "{\"userinfo\":{}}"`, []string{`{"userinfo":{}}`}},
		"resource":          {`"resource": "https://api.example"`, []string{"https://api.example"}},
		"resources":         {`"resource": ["https://api.example", "https://b.example"]`, []string{"https://api.example", "https://b.example"}},
		"resource, no text": {`"resource": [1]`, nil},
		"resource, object":  {`"resource": {}`, nil},
		"unknown":           {`"x": {"b": [1, 2]}`, []string{`{"b":[1,2]}`}},
		"unknown list":      {`"x": [ {"type": "y"} ]`, []string{`[{"type":"y"}]`}},
		"not ASCII":         {`"login_hint": "Zo\u00eb <&> \"x\""`, []string{`Zoë <&> "x"`}},
		"list of prompts":   {`"prompt": ["login", "consent"]`, nil},
		"list of acr":       {`"acr_values": ["x"]`, nil},
		"state, object":     {`"state": {"a": 1}`, nil},
		"state, number":     {`"state": 7`, []string{"7"}},
		"twice":             {`"x": "1", "x": "1"`, nil},
		"twice, escaped":    {`"x": "1", "\u0078": "2"`, nil},
		"twice, inside":     {`"claims": {"userinfo": {}, "userinfo": {"email": null}}`, nil},
		"deep":              {`"x": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20), nil},
		"very deep":         {`"x": ` + strings.Repeat("[", 6000) + strings.Repeat("]", 6000), nil},
		"no UTF-8":          {"\"x\": \"\xff\"", nil},
		"another case":      {`"Client_id": "other", "x": "1"`, []string{"1"}},
		"long":              {`"x": "` + strings.Repeat("x", 15<<10) + `"`, []string{strings.Repeat("x", 15<<10)}},
		"too long":          {`"x": "` + strings.Repeat("x", 16<<10) + `"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := byValue(signRaw(t, `{"client_id": "web", `+test.member+`}`))
			if test.want == nil {
				f.refuses(t, form, oauth.InvalidRequestObject)
				return
			}
			var parameter string
			if err := json.Unmarshal([]byte(test.member[:strings.Index(test.member, ":")]), &parameter); err != nil {
				t.Fatal(err)
			}
			if parameter == "Client_id" {
				parameter = "x"
			}
			if diff := cmp.Diff(test.want, f.resolves(t, form)[parameter]); diff != "" && len(test.want) > 0 {
				t.Error(diff)
			} else if f.resolves(t, form).Has(parameter) != (len(test.want) > 0) {
				t.Errorf("%s is there", parameter)
			}
		})
	}
	for _, payload := range []string{"", "null", "[]", `"x"`, "{", `{"client_id":"web"}{}`, `{"client_id":"web"} x`} {
		f.refuses(t, byValue(signRaw(t, payload)), oauth.InvalidRequestObject)
	}
}

var nullMeansAbsent = []string{}

// signRaw signs what need not be JSON.
func signRaw(tb testing.TB, payload string) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: signers()["EdDSA"]},
		(&jose.SignerOptions{}).WithHeader("kid", "EdDSA"))
	if err != nil {
		tb.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		tb.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return compact
}

// OpenID Connect Core §6.1 and §10.2, Registration §2: encrypted as registered, each
// way that discovery names, and signed inside.
func TestObjectIsEncryptedAsRegistered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := sign(t, "RS256", claims(), nil)
	for _, alg := range oauth.KeyManagementAlgorithms() {
		for _, enc := range oauth.ContentEncryptionAlgorithms() {
			f.client.Metadata.RequestObjectEncryptionAlg, f.client.Metadata.RequestObjectEncryptionEnc = alg, enc
			if diff := cmp.Diff(good, f.resolves(t, byValue(f.encrypt(t, alg, enc, signed)))); diff != "" {
				t.Errorf("%s, %s: %s", alg, enc, diff)
			}
		}
	}
	f.client.Metadata.RequestObjectEncryptionAlg, f.client.Metadata.RequestObjectEncryptionEnc = "RSA-OAEP", "A256GCM"
	payload, err := json.Marshal(claims())
	if err != nil {
		t.Fatal(err)
	}
	encrypted := f.encrypt(t, "RSA-OAEP", "A256GCM", signed)
	for name, object := range map[string]string{
		"not encrypted":       signed,
		"another alg":         f.encrypt(t, "RSA-OAEP-256", "A256GCM", signed),
		"another enc":         f.encrypt(t, "RSA-OAEP", "A128GCM", signed),
		"not signed":          f.encrypt(t, "RSA-OAEP", "A256GCM", string(payload)),
		"none":                f.encrypt(t, "RSA-OAEP", "A256GCM", encode(`{"alg":"none"}`)+"."+encode(string(payload))+"."),
		"encrypted twice":     f.encrypt(t, "RSA-OAEP", "A256GCM", encrypted),
		"altered":             encrypted[:len(encrypted)-3] + "AAA",
		"header not the same": encode(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + encrypted[strings.Index(encrypted, "."):],
	} {
		t.Run(name, func(t *testing.T) { f.refuses(t, byValue(object), oauth.InvalidRequestObject) })
	}
	f.client.Metadata.RequestObjectEncryptionAlg, f.client.Metadata.RequestObjectEncryptionEnc = "", ""
	f.refuses(t, byValue(encrypted), oauth.InvalidRequestObject)
}

// OpenID Connect Core §6.2: only what is registered is fetched, once.
func TestObjectIsFetchedFromARegisteredAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	uri := f.site + "/request.jwt"
	f.serve(sign(t, "RS256", claims(), nil) + "\n")
	f.client.Metadata.RequestURIs = []string{uri, uri + "#one", f.site + "/missing"}
	for range 2 {
		if diff := cmp.Diff(good, f.resolves(t, byReference(uri))); diff != "" {
			t.Error(diff)
		}
	}
	if got := f.fetched(); got != 1 {
		t.Errorf("fetched %d times", got)
	}
	f.resolves(t, byReference(uri+"#one"))
	if got := f.fetched(); got != 2 {
		t.Errorf("another fragment: fetched %d times in all", got)
	}
	for _, other := range []string{
		uri + "?", uri + "#two", uri + "#", f.site + "/other", "https://evil.example/", "urn:x", "file:///etc/passwd",
	} {
		f.refuses(t, byReference(other), oauth.InvalidRequestURI)
	}
	if got := f.fetched(); got != 2 {
		t.Errorf("fetched what is not registered")
	}
	f.refuses(t, byReference(f.site+"/missing"), oauth.InvalidRequestURI)
}

// An address that must not be called is not, though it was registered once.
func TestAddressWithinOurNetworkIsNotFetched(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, uri := range []string{"http://10.0.0.1/r", "https://169.254.169.254/r", "ftp://app.example/r"} {
		f.client.Metadata.RequestURIs = []string{uri}
		f.refuses(t, byReference(uri), oauth.InvalidRequestURI)
	}
}

// OpenID Connect Core §6.2: a fragment that is the hash of the object tells whether
// our copy is the one meant. One that is not is no reason to refuse.
func TestCopyThatIsNotTheOneMeantIsFetchedAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := sign(t, "RS256", claims("state", "first"), nil)
	second := sign(t, "RS256", claims("state", "second"), nil)
	sum := sha256.Sum256([]byte(second))
	uri := f.site + "/request.jwt#" + base64.RawURLEncoding.EncodeToString(sum[:])
	f.client.Metadata.RequestURIs = []string{uri}
	f.serve(first)
	if got := f.resolves(t, byReference(uri)).Get("state"); got != "first" {
		t.Errorf("the state is %q", got)
	}
	f.serve(second)
	f.advance(11 * time.Second)
	for range 3 {
		if got := f.resolves(t, byReference(uri)).Get("state"); got != "second" {
			t.Errorf("the state is %q", got)
		}
		f.advance(11 * time.Second)
	}
	if got := f.fetched(); got != 2 {
		t.Errorf("fetched %d times", got)
	}
}

// A copy that has expired is no reason to refuse what is there by now.
func TestCopyThatHasExpiredIsFetchedAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	uri := f.site + "/request.jwt"
	f.client.Metadata.RequestURIs = []string{uri}
	f.serve(sign(t, "RS256", claims("exp", start.Unix()+10), nil))
	f.resolves(t, byReference(uri))
	f.advance(time.Minute)
	f.refuses(t, byReference(uri), oauth.InvalidRequestObject)
	f.serve(sign(t, "RS256", claims("exp", start.Unix()+600), nil))
	f.advance(11 * time.Second)
	f.resolves(t, byReference(uri))
}

// OpenID Connect Core §6.2: what is there is no object, or nobody can tell.
func TestDocumentThatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	uri := f.site + "/request.jwt"
	f.client.Metadata.RequestURIs = []string{uri}
	f.serve(encode(`{"alg":"none"}`) + "." + encode(`{"client_id":"web"}`) + ".")
	f.refuses(t, byReference(uri), oauth.InvalidRequestObject)
	f.client.Metadata.JWKS, f.client.Metadata.JWKSURI = nil, f.site+"/keys.json"
	f.refuses(t, byValue(sign(t, "ES256", claims(), nil)), oauth.InvalidRequestObject)
	if err := f.Outbound.Close(); err != nil {
		t.Fatal(err)
	}
	f.advance(time.Hour)
	f.refuses(t, byReference(uri), oauth.TemporarilyUnavailable)
	f.refuses(t, byValue(sign(t, "ES256", claims(), nil)), oauth.TemporarilyUnavailable)
}

func FuzzResolve(f *testing.F) {
	fixture := newFixture(f)
	f.Add([]byte(`{"client_id":"web","max_age":10,"claims":{"userinfo":{"email":null}},"resource":["a","b"]}`), "")
	f.Add([]byte(`{"client_id":"web","aud":["https://login.example"],"exp":1e99,"x":[[[{}]]]}`), "JWT")
	f.Add([]byte(`{"client_id":"web","x":-0.0,"y":1E-5,"z":"\ud800"}`), "a.b.c.d.e")
	f.Fuzz(func(t *testing.T, payload []byte, text string) {
		if got, err := fixture.Resolve(t.Context(), fixture.client, byValue(text)); err == nil && text != "" {
			t.Errorf("resolved what nobody signed: %v", got)
		}
		got, err := fixture.Resolve(t.Context(), fixture.client, byValue(signRaw(t, string(payload))))
		if err != nil {
			return
		}
		if got.Get("client_id") != "web" || len(got["client_id"]) != 1 {
			t.Errorf("client_id is %v", got["client_id"])
		}
		for name, values := range got {
			if name != "resource" && len(values) != 1 || name == "request" || name == "iss" {
				t.Errorf("%s is %q", name, values)
			}
		}
	})
}
