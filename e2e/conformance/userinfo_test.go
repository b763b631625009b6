package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// scopeClaims are the claims that the scopes stand for, OpenID Connect Core §5.4.
var scopeClaims = map[string][]string{
	"profile": {
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
		"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	},
	"email":   {"email", "email_verified"},
	"address": {"address"},
	"phone":   {"phone_number", "phone_number_verified"},
}

func userinfoModules() []module {
	const all = "B I H"
	return []module{
		{"oidcc-userinfo-get", all, userinfoGet},
		{"oidcc-userinfo-post-header", all, userinfoPostHeader},
		{"oidcc-userinfo-post-body", all, userinfoPostBody},
		{"oidcc-scope-profile", all, scopes("profile")},
		{"oidcc-scope-email", all, scopes("email")},
		{"oidcc-scope-address", all, scopes("address")},
		{"oidcc-scope-phone", all, scopes("phone")},
		{"oidcc-scope-all", all, scopes("profile", "email", "address", "phone")},
		{"oidcc-claims-essential", all, claimsEssential},
		{"oidcc-userinfo-rs256", "D", userinfoSigned},
	}
}

// checkUserinfo checks a response and returns the claims, OpenID Connect Core
// §5.3.2: it is a JWT if the client has registered an algorithm.
func (c *client) checkUserinfo(res providertest.Response) map[string]any {
	c.Helper()
	algorithm, _ := c.registered["userinfo_signed_response_alg"].(string)
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if res.StatusCode != http.StatusOK || mediaType != map[bool]string{false: "application/json", true: "application/jwt"}[algorithm != ""] {
		c.Fatalf("userinfo answers %d, %s: %s", res.StatusCode, mediaType, res.Body)
	}
	var claims map[string]any
	if algorithm != "" {
		claims = c.verifySignature(res.Body, algorithm).claims
	} else {
		claims = res.JSON(c)
	}
	if sub, _ := claims["sub"].(string); sub == "" {
		c.Errorf("userinfo has no sub: %v", claims)
	}
	c.checkValues(claims)
	return claims
}

// kinds are what the standard claims are in JSON, OpenID Connect Core §5.1.
// Those that are not named are texts.
var kinds = map[string]reflect.Kind{
	"email_verified": reflect.Bool, "phone_number_verified": reflect.Bool,
	"updated_at": reflect.Float64, "address": reflect.Map,
}

var dates = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4})$`)

// checkValues checks that claims are of their kinds and not empty: a claim
// without a value is left out, OpenID Connect Core §5.3.2.
func (r *run) checkValues(claims map[string]any) {
	r.Helper()
	for name, value := range claims {
		if value == nil || value == "null" || value == "" {
			r.Errorf("%s is %v", name, value)
		}
	}
	for _, names := range scopeClaims {
		for _, name := range names {
			kind := reflect.String
			if k, ok := kinds[name]; ok {
				kind = k
			}
			if value, ok := claims[name]; ok && reflect.TypeOf(value).Kind() != kind {
				r.Errorf("%s is %v, a %T", name, value, value)
			}
		}
	}
	if birthdate, ok := claims["birthdate"].(string); ok && !dates.MatchString(birthdate) {
		r.Errorf("birthdate is %q", birthdate)
	}
	if address, ok := claims["address"].(map[string]any); ok {
		r.checkAddress(address)
	}
}

func (r *run) checkAddress(address map[string]any) {
	r.Helper()
	for name, value := range address {
		switch name {
		case "formatted", "street_address", "locality", "region", "postal_code", "country":
			if s, ok := value.(string); !ok || strings.TrimSpace(s) == "" {
				r.Errorf("%s of the address is %v", name, value)
			}
		default:
			r.Errorf("an address has no %s", name)
		}
	}
}

// askUserinfo signs in and asks userinfo, in the variants that have an access
// token to ask with.
func askUserinfo(r *run, ask func(endpoint, token string) providertest.Response) {
	r.Helper()
	g := r.register(nil).signIn()
	if g.accessToken() != "" {
		g.sameSubject(g.checkUserinfo(ask(r.endpoint("userinfo_endpoint"), g.accessToken())))
	}
}

func userinfoGet(r *run) { askUserinfo(r, r.get) }

func userinfoPostHeader(r *run) {
	askUserinfo(r, func(endpoint, token string) providertest.Response {
		return r.call(http.MethodPost, endpoint, token, "", nil)
	})
}

// RFC 6750 §2.2.
func userinfoPostBody(r *run) {
	askUserinfo(r, func(endpoint, token string) providertest.Response {
		return r.post(endpoint, "", url.Values{"access_token": {token}})
	})
}

// OpenID Connect Core §5.3.2: a signed response is for the client alone.
func userinfoSigned(r *run) {
	r.lists("userinfo_signing_alg_values_supported", "RS256")
	c := r.register(map[string]any{"userinfo_signed_response_alg": "RS256"})
	g := c.authorize(c.request()).granted()
	res := r.get(r.endpoint("userinfo_endpoint"), g.accessToken())
	token := r.verifySignature(res.Body, "RS256")
	if token.claims["iss"] != r.op.URL || !audienceIs(token.claims["aud"], c.id) || token.claims["nonce"] != nil {
		r.Errorf("the claims are %v", token.claims)
	}
}

// scopes is the module of some scopes: every claim of theirs is told, by
// userinfo or, where there is no access token, in the ID token.
func scopes(names ...string) func(*run) {
	return func(r *run) {
		g := r.register(nil).signIn("scope", "openid "+strings.Join(names, " "))
		told := g.idToken().claims
		if g.accessToken() != "" {
			told = g.userinfo(g.accessToken())
		}
		for _, name := range names {
			for _, claim := range scopeClaims[name] {
				if _, ok := told[claim]; !ok {
					r.Errorf("%s does not tell %s", name, claim)
				}
			}
		}
	}
}

// The claims parameter asks userinfo for the name, or the ID token where there
// is no access token.
func claimsEssential(r *run) {
	if supported, _ := r.metadata["claims_parameter_supported"].(bool); !supported {
		r.Fatal("claims_parameter_supported is not true")
	}
	member := "userinfo"
	if r.responseType == "id_token" {
		member = "id_token"
	}
	parameter, err := json.Marshal(map[string]any{member: map[string]any{"name": map[string]any{"essential": true}}})
	if err != nil {
		r.Fatal(err)
	}
	g := r.register(nil).signIn("claims", string(parameter))
	for _, token := range []*idToken{g.front, g.back} {
		if token != nil && (token.claims["name"] != nil) != (member == "id_token") {
			r.Errorf("name is %v in the ID token", token.claims["name"])
		}
	}
	if g.accessToken() != "" && g.userinfo(g.accessToken())["name"] == nil {
		r.Error("userinfo does not tell the name")
	}
}
