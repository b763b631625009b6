package conformance

import (
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

func authorizationModules() []module {
	const all = "B I H"
	return []module{
		{"oidcc-server", "B I H D", wholeFlow},
		{"oidcc-response-type-missing", all, responseTypeMissing},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", "B H", withoutNonceSucceeds},
		{"oidcc-ensure-request-without-nonce-fails", "I H", withoutNonceFails},
		{"oidcc-alternate-happy-flow", all, otherOrder},
		{"oidcc-display-page", all, succeedsWith("display", "page")},
		{"oidcc-display-popup", all, succeedsWith("display", "popup")},
		{"oidcc-ensure-request-with-unknown-parameter-succeeds", all, succeedsWith("extra", "foobar")},
		{"oidcc-ui-locales", all, succeedsWith("ui_locales", "se")},
		{"oidcc-claims-locales", all, succeedsWith("claims_locales", "se")},
		{"oidcc-login-hint", all, loginHint},
		{"oidcc-prompt-login", all, promptLogin},
		{"oidcc-prompt-none-not-logged-in", all, promptNoneNotLoggedIn},
		{"oidcc-prompt-none-logged-in", all, promptNoneLoggedIn},
		{"oidcc-max-age-1", all, maxAge1},
		{"oidcc-max-age-10000", all, maxAge10000},
		{"oidcc-id-token-hint", all, idTokenHint},
		{"oidcc-ensure-request-with-acr-values-succeeds", all, acrValues},
		{"oidcc-codereuse", "B H", codeReuse},
		{"oidcc-codereuse-30seconds", "B H", codeReuseLater},
		{"oidcc-ensure-registered-redirect-uri", all, registeredRedirectURI},
		{"oidcc-ensure-post-request-succeeds", "B", postRequest},
		{"oidcc-server-client-secret-post", "B H", clientSecretPost},
		{"oidcc-refresh-token", "B H D", refreshToken},
		{"oidcc-ensure-request-with-valid-pkce-succeeds", "B H", pkce},
	}
}

func wholeFlow(r *run) {
	g := r.register(nil).signIn()
	if len(g.logins) != 1 {
		r.Errorf("the person signs in %d times", len(g.logins))
	}
	if code := g.answer.Get("code"); code != "" && (len(code) < 16 || entropy(code) < 96) {
		r.Errorf("code %q has %.0f bits", code, entropy(code))
	}
	if token := g.idToken(); token.claims["acr"] == nil {
		r.Error("the ID token has no acr")
	}
}

// entropy is how many bits a text has as its characters are distributed.
func entropy(s string) float64 {
	bits := 0.0
	for _, c := range s {
		bits -= math.Log2(float64(strings.Count(s, string(c))) / float64(len(s)))
	}
	return bits
}

// Without response_type, the answer is in the query, unless the request asks for
// it in a form.
func responseTypeMissing(r *run) {
	c := r.register(nil)
	v := c.authorize(c.request("response_type", ""))
	if code := v.refused(); code != "invalid_request" && code != "unsupported_response_type" {
		r.Errorf("the error is %s", code)
	}
}

// OpenID Connect Core §3.1.2.1, §3.3.2.11.
func withoutNonceSucceeds(r *run) {
	if !r.has("id_token") {
		r.register(nil).signIn("nonce", "")
	}
}

// OpenID Connect Core §3.2.2.1.
func withoutNonceFails(r *run) {
	if !r.has("id_token") {
		return
	}
	c := r.register(nil)
	if code := c.authorize(c.request("nonce", "")).refused(); code != "invalid_request" {
		r.Errorf("the error is %s", code)
	}
}

// The order of the parameters is that of the alphabet backwards, the scopes'
// as well.
func otherOrder(r *run) {
	c := r.register(nil)
	request := c.request("scope", "phone email profile address openid")
	var parameters []string
	for name := range request {
		parameters = append(parameters, url.QueryEscape(name)+"="+url.QueryEscape(request.Get(name)))
	}
	slices.Sort(parameters)
	slices.Reverse(parameters)
	p := c.browser.open(c.endpoint("authorization_endpoint") + "?" + strings.Join(parameters, "&"))
	c.visit(p, request).granted()
}

// succeedsWith is a module whose request succeeds with a parameter more.
func succeedsWith(name, value string) func(*run) {
	return func(r *run) { r.register(nil).signIn(name, value) }
}

func loginHint(r *run) {
	const hint = "somebody@example.com"
	g := r.register(nil).signIn("login_hint", hint)
	if got := g.login().form("password").fields.Get("username"); got != hint {
		r.Errorf("the page asks for the password of %q", got)
	}
}

// again signs in a second time in the same browser, after a while, and expects
// so many sign-in pages. It returns both grants.
func again(r *run, first, second []string, logins int) (before, after *grant) {
	r.Helper()
	c := r.register(nil)
	before = c.signIn(first...)
	r.op.Clock.Advance(2 * time.Second)
	if slices.Contains(second, "id_token_hint") {
		second = append(slices.Clone(second), before.idToken().raw)
	}
	after = c.signIn(second...)
	if len(after.logins) != logins {
		r.Errorf("there are %d sign-in pages, want %d", len(after.logins), logins)
	}
	if before.idToken().claims["sub"] != after.idToken().claims["sub"] {
		r.Errorf("sub is %v, then %v", before.idToken().claims["sub"], after.idToken().claims["sub"])
	}
	return before, after
}

// sameSignIn checks that nobody has signed in in between.
func sameSignIn(r *run, before, after *grant) {
	r.Helper()
	if x, y := r.time(before.idToken().claims, "auth_time"), r.time(after.idToken().claims, "auth_time"); !x.Equal(y) {
		r.Errorf("auth_time is %v, then %v", x, y)
	}
}

// newSignIn checks that somebody has.
func newSignIn(r *run, before, after *grant) {
	r.Helper()
	x, y := r.time(before.idToken().claims, "auth_time"), r.time(after.idToken().claims, "auth_time")
	if !y.After(x) || y.Before(r.op.Clock.Now().Add(-5*time.Minute)) {
		r.Errorf("auth_time is %v, then %v", x, y)
	}
}

func promptLogin(r *run) {
	before, after := again(r, nil, []string{"prompt", "login"}, 1)
	newSignIn(r, before, after)
}

func promptNoneNotLoggedIn(r *run) {
	c := r.register(nil)
	v := c.authorize(c.request("prompt", "none", "state", strings.Repeat("0123456789abcdef", 8)))
	needsPerson(v)
}

// needsPerson checks that a silent request was refused as the person is needed.
func needsPerson(v *visit) {
	v.Helper()
	codes := []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}
	if code := v.refused(); !slices.Contains(codes, code) {
		v.Errorf("the error is %s", code)
	}
	if len(v.logins)+len(v.consents) != 0 {
		v.Error("a page was shown")
	}
}

func promptNoneLoggedIn(r *run) {
	before, after := again(r, nil, []string{"prompt", "none"}, 0)
	sameSignIn(r, before, after)
	if len(after.consents) != 0 {
		r.Error("a page was shown")
	}
	if code := after.answer.Get("code"); code != "" && code == before.answer.Get("code") {
		r.Error("the code is still the first one")
	}
}

func maxAge1(r *run) {
	before, after := again(r, nil, []string{"max_age", "1"}, 1)
	newSignIn(r, before, after)
}

func maxAge10000(r *run) {
	before, after := again(r, []string{"max_age", "15000"}, []string{"max_age", "10000"}, 0)
	sameSignIn(r, before, after)
}

// An expired ID token is a hint as well, OpenID Connect Core §3.1.2.1.
func idTokenHint(r *run) {
	before, after := again(r, nil, []string{"prompt", "none", "id_token_hint"}, 0)
	sameSignIn(r, before, after)
	if !r.codeFlow() {
		return
	}
	r.ownProvider()
	c := r.register(nil)
	hint := c.signIn().idToken()
	r.op.Clock.Advance(time.Hour)
	if r.time(hint.claims, "exp").After(r.op.Clock.Now()) {
		r.Fatal("the hint has not expired")
	}
	c.signIn("prompt", "none", "id_token_hint", hint.raw)
}

func acrValues(r *run) {
	supported := r.listed("acr_values_supported")
	if len(supported) == 0 {
		r.Fatal("acr_values_supported is missing")
	}
	g := r.register(nil).signIn("acr_values", strings.Join(supported, " "))
	if acr, _ := g.idToken().claims["acr"].(string); !slices.Contains(supported, acr) {
		r.Errorf("acr is %q, want one of %v", acr, supported)
	}
}

func codeReuse(r *run) {
	g := r.register(nil).signIn()
	g.tokenRefused(g.token(g.codeForm()), "invalid_grant")
}

// OpenID Connect Core §3.1.3.2, RFC 6749 §4.1.2: tokens of a code that comes a
// second time are revoked.
func codeReuseLater(r *run) {
	r.ownProvider()
	g := r.register(nil).signIn()
	r.op.Clock.Advance(30 * time.Second)
	g.userinfo(g.accessToken())
	g.tokenRefused(g.token(g.codeForm()), "invalid_grant")
	if res := r.get(r.endpoint("userinfo_endpoint"), g.accessToken()); res.StatusCode != http.StatusUnauthorized {
		r.Errorf("userinfo answers %d", res.StatusCode)
	}
}

func registeredRedirectURI(r *run) {
	c := r.register(nil)
	c.authorize(c.request("redirect_uri", r.rp.url("callback/"+random()))).stays()
}

// The form is on the client's site, where the browser has no cookies for ours
// that are SameSite=Lax.
func postRequest(r *run) {
	c := r.register(nil)
	c.signIn()
	request := c.request()
	post := c.browser.request(http.MethodPost, c.endpoint("authorization_endpoint"), request)
	post.Header.Set("Origin", r.rp.server.URL)
	g := c.visit(c.browser.sendFromAfar(post), request).granted()
	if len(g.logins) != 0 {
		r.Error("the person had signed in before")
	}
}

func clientSecretPost(r *run) {
	if r.auth = "client_secret_post"; !slices.Contains(r.listed("token_endpoint_auth_methods_supported"), r.auth) {
		r.Errorf("token_endpoint_auth_methods_supported does not list %s", r.auth)
	}
	r.register(nil).signIn()
}

func pkce(r *run) {
	r.register(nil).signIn("code_challenge", providertest.Challenge(), "code_challenge_method", "S256")
}

// OpenID Connect Core §12.
func refreshToken(r *run) {
	if !r.has("code") {
		return
	}
	if !slices.Contains(r.listed("grant_types_supported"), "refresh_token") {
		r.Error("grant_types_supported does not list refresh_token")
	}
	r.scope = "openid offline_access"
	first, second := r.registerForRefresh(), r.registerForRefresh()
	g := first.signIn("prompt", "consent")
	if len(g.consents) != 1 {
		r.Errorf("there are %d consent pages", len(g.consents))
	}
	g.refresh()
	other := second.signIn("prompt", "consent")
	other.refresh()
	g.tokenRefused(first.token(providertest.RefreshForm(other.tokens.Get("refresh_token"))), "invalid_grant")
}

func (r *run) registerForRefresh() *client {
	r.Helper()
	grants, _ := r.document(nil)["grant_types"].([]string)
	return r.register(map[string]any{"grant_types": append(grants, "refresh_token")})
}

// vschar is what a token may consist of, RFC 6749 appendix A.17.
var vschar = regexp.MustCompile(`^[\x20-\x7E]+$`)

// refresh uses the refresh token, with the scope parameter of the request, and
// takes the new tokens for the client's.
func (g *grant) refresh() {
	g.Helper()
	old := g.tokens
	if !vschar.MatchString(old.Get("refresh_token")) {
		g.Fatalf("refresh_token is %q", old.Get("refresh_token"))
	}
	g.op.Clock.Advance(time.Second)
	res := g.token(providertest.With(providertest.RefreshForm(old.Get("refresh_token")), "scope", g.request.Get("scope")))
	if res.StatusCode != http.StatusOK || !isJSON(res) {
		g.Fatalf("the token endpoint answers %d, %s", res.StatusCode, res.Body)
	}
	g.checkTokens(res)
	tokens := providertest.Tokens(res.JSON(g))
	if tokens.Get("access_token") == old.Get("access_token") {
		g.Error("the access token is still the old one")
	}
	if tokens.Get("refresh_token") == "" {
		tokens["refresh_token"] = old["refresh_token"]
	}
	if raw := tokens.Get("id_token"); raw != "" {
		g.refreshed(g.verify(raw, "nonce"))
	}
	g.tokens = tokens
	g.sameSubject(g.userinfo(g.accessToken()))
}

// refreshed compares the ID token of a refresh with the first one, OpenID
// Connect Core §12.2.
func (g *grant) refreshed(token *idToken) {
	g.Helper()
	for _, name := range []string{"iss", "sub", "aud", "azp", "auth_time"} {
		if !sameJSON(token.claims[name], g.back.claims[name]) {
			g.Errorf("%s was %v and is %v", name, g.back.claims[name], token.claims[name])
		}
	}
	if !g.time(token.claims, "iat").After(g.time(g.back.claims, "iat")) {
		g.Errorf("iat was %v and is %v", g.back.claims["iat"], token.claims["iat"])
	}
}
