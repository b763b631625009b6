package conformance

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// client is a client that has registered itself.
type client struct {
	*run
	id, secret string
	// key signs what the client signs, under kid, "" for none.
	key *rsa.PrivateKey
	kid string
	// registered is what the provider has answered.
	registered map[string]any
}

// document is what a client of the run registers, with changes: nil takes a
// member away. It says nothing of scopes or PKCE, like the suite's.
func (r *run) document(changes map[string]any) map[string]any {
	r.Helper()
	var grants []string
	if r.has("code") {
		grants = append(grants, "authorization_code")
	}
	if !r.codeFlow() {
		grants = append(grants, "implicit")
	}
	document := map[string]any{
		"client_name": r.Name(), "contacts": []string{"certification@example.com"},
		"redirect_uris": []string{r.rp.url("callback")}, "response_types": []string{r.responseType},
		"grant_types": grants, "token_endpoint_auth_method": r.auth, "jwks": jwks(key(), ""),
	}
	for name, value := range changes {
		if document[name] = value; value == nil {
			delete(document, name)
		}
	}
	return document
}

// register registers a client, OpenID Connect Dynamic Client Registration §3.
// It takes itself away again when the run ends, RFC 7592 §2.3.
func (r *run) register(changes map[string]any) *client {
	r.Helper()
	c := &client{run: r, key: key()}
	document := r.document(changes)
	res := r.postJSON(r.endpoint("registration_endpoint"), document)
	if res.StatusCode != http.StatusCreated || !isJSON(res) {
		r.Fatalf("registration answers %d, %s: %s", res.StatusCode, res.Header.Get("Content-Type"), res.Body)
	}
	c.registered = res.JSON(r)
	c.id, _ = c.registered["client_id"].(string)
	c.secret, _ = c.registered["client_secret"].(string)
	c.checkRegistration(document)
	return c
}

func (c *client) checkRegistration(document map[string]any) {
	c.Helper()
	if expires, ok := c.registered["client_secret_expires_at"].(float64); c.secret != "" && (!ok || expires != 0) {
		c.Errorf("client_secret_expires_at is %v", c.registered["client_secret_expires_at"])
	}
	if method := c.method(); (c.secret != "") != strings.HasPrefix(method, "client_secret") {
		c.Errorf("a client of %s has the secret %q", method, c.secret)
	}
	for name, want := range document {
		if got := c.registered[name]; !sameJSON(got, want) {
			c.Errorf("%s is registered as %v, want %v", name, got, want)
		}
	}
	address, _ := c.registered["registration_client_uri"].(string)
	token, _ := c.registered["registration_access_token"].(string)
	if !strings.HasPrefix(address, "https://") || token == "" {
		c.Fatalf("registration_client_uri is %q, registration_access_token %q", address, token)
	}
	c.Cleanup(func() {
		if res := c.call(http.MethodDelete, address, token, "", nil); res.StatusCode != http.StatusNoContent || res.Body != "" {
			c.Errorf("to take a client away is answered with %d, %s", res.StatusCode, res.Body)
		}
	})
}

// refusedRegistration attempts a registration that must be refused, and returns
// the error, RFC 7591 §3.2.2.
func (r *run) refusedRegistration(changes map[string]any) string {
	r.Helper()
	res := r.postJSON(r.endpoint("registration_endpoint"), r.document(changes))
	if res.StatusCode != http.StatusBadRequest || !isJSON(res) {
		r.Fatalf("registration answers %d, %s: %s", res.StatusCode, res.Header.Get("Content-Type"), res.Body)
	}
	body := res.JSON(r)
	for name := range body {
		if name != "error" && name != "error_description" {
			r.Errorf("the error has the member %s", name)
		}
	}
	if description, _ := body["error_description"].(string); !described.MatchString(description) {
		r.Errorf("error_description is %q", description)
	}
	code, _ := body["error"].(string)
	return code
}

func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	if err != nil {
		return false
	}
	var v, w any
	if errors.Join(json.Unmarshal(x, &v), json.Unmarshal(y, &w)) != nil {
		return false
	}
	x, errX := json.Marshal(v)
	y, errY := json.Marshal(w)
	return errX == nil && errY == nil && string(x) == string(y)
}

// method is how the client authenticates.
func (c *client) method() string {
	method, _ := c.registered["token_endpoint_auth_method"].(string)
	return method
}

// token sends a token request, authenticated as the client has registered.
func (c *client) token(form url.Values) providertest.Response {
	c.Helper()
	return c.tokenFor(form, c.endpoint("token_endpoint"))
}

// tokenFor is token with the audience of the client's assertion.
func (c *client) tokenFor(form url.Values, audience string) providertest.Response {
	c.Helper()
	form = maps.Clone(form)
	var basic []string
	switch method := c.method(); method {
	case "client_secret_basic":
		basic = []string{url.QueryEscape(c.id), url.QueryEscape(c.secret)}
	case "client_secret_post":
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret)
	case "private_key_jwt":
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", c.assertion(audience))
	default:
		c.Fatalf("clients of %s are not known here", method)
	}
	return c.op.Post(c, c.op.Client(), strings.TrimPrefix(c.endpoint("token_endpoint"), c.op.URL), form, basic...)
}

// assertion is RFC 7523 §3.
func (c *client) assertion(audience string) string {
	c.Helper()
	now := c.op.Clock.Now()
	return c.sign(map[string]any{
		"iss": c.id, "sub": c.id, "aud": audience, "jti": random(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
}

// sign signs claims with the client's key.
func (c *client) sign(claims map[string]any) string {
	c.Helper()
	header := map[string]any{}
	if c.kid != "" {
		header["kid"] = c.kid
	}
	return providertest.SignJWT(c, "RS256", c.key, claims, header)
}

// idTokenAlgorithm is what the client's ID tokens must be signed with.
func (c *client) idTokenAlgorithm() string {
	if alg, _ := c.registered["id_token_signed_response_alg"].(string); alg != "" {
		return alg
	}
	return "RS256"
}

// tokenRefused checks a refusal of the token endpoint, RFC 6749 §5.2.
func (c *client) tokenRefused(res providertest.Response, code string) {
	c.Helper()
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	providertest.Refused(c, res, status, code)
	for name := range res.JSON(c) {
		if !slices.Contains([]string{"error", "error_description", "error_uri"}, name) {
			c.Errorf("the error has the member %s", name)
		}
	}
	if !isJSON(res) {
		c.Errorf("the error is %s", res.Header.Get("Content-Type"))
	}
}
