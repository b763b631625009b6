package conformance

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// request are the parameters of a good authorization request, with changes in
// pairs: "" takes a parameter away.
func (c *client) request(changes ...string) url.Values {
	c.Helper()
	v := url.Values{
		"client_id": {c.id}, "redirect_uri": {c.rp.url("callback")}, "scope": {c.scope},
		"response_type": {c.responseType}, "state": {random()}, "nonce": {random()},
	}
	if c.formPost {
		v.Set("response_mode", "form_post")
	}
	return providertest.With(v, changes...)
}

// visit is a way through the provider's pages, which ends at the client or at a
// page that the person can go no further on.
type visit struct {
	*client
	request url.Values
	page    *page
	// logins and consents are the pages of that kind that were shown.
	logins, consents []*page
}

// authorize goes to the authorization endpoint.
func (c *client) authorize(request url.Values) *visit {
	c.Helper()
	return c.visit(c.browser.open(c.endpoint("authorization_endpoint")+"?"+request.Encode()), request)
}

// visit goes on from a page as a person who signs in and agrees to everything.
func (c *client) visit(p *page, request url.Values) *visit {
	c.Helper()
	v := &visit{client: c, request: request, page: p}
	for range 10 {
		if c.rp.owns(v.page.address) {
			return v
		}
		login, consent, answer := v.page.form("password"), v.page.form("decision"), c.answerForm(v.page)
		switch {
		case login != nil:
			v.logins = append(v.logins, v.page)
			v.page = c.browser.submit(login, "username", providertest.Username, "password", providertest.Password)
		case consent != nil:
			v.consents = append(v.consents, v.page)
			v.page = c.browser.submit(consent, "decision", "allow")
		case answer != nil:
			v.page = c.browser.submit(answer)
		default:
			return v
		}
	}
	c.Fatalf("the pages do not end; the last one is %q at %s", v.page.heading(), v.page.address)
	return nil
}

// login is the first sign-in page, which there must have been.
func (v *visit) login() *page {
	v.Helper()
	if len(v.logins) == 0 {
		v.Fatalf("there was no sign-in page; the visit ends at %s", v.page.address)
	}
	return v.logins[0]
}

// answerForm is the form that brings an answer to the client.
func (c *client) answerForm(p *page) *form {
	for _, f := range p.forms() {
		if c.rp.owns(f.action) {
			return f
		}
	}
	return nil
}

// stays checks that the visit has ended at an error page of the provider's.
func (v *visit) stays() {
	v.Helper()
	if v.rp.owns(v.page.address) || v.page.status != http.StatusBadRequest || v.page.heading() == "" {
		v.Errorf("the visit ends at %s with %d, want an error page", v.page.address, v.page.status)
	}
}

// answer returns the parameters of the authorization response, which are in
// their own place and nowhere else: OAuth 2.0 Multiple Response Type Encoding
// §2.1 and §5, OAuth 2.0 Form Post Response Mode §2.
func (v *visit) answer() url.Values {
	v.Helper()
	if !v.rp.owns(v.page.address) {
		v.Fatalf("the visit ends at %s with %d %q, want the client", v.page.address, v.page.status, v.page.heading())
	}
	query := v.page.address.Query()
	v.withoutRegistered(query)
	fragment, err := url.ParseQuery(v.page.address.EscapedFragment())
	if err != nil {
		v.Fatal(err)
	}
	came := v.rp.last(v, strings.TrimPrefix(v.page.address.Path, v.rp.path+"/"))
	places := map[string]url.Values{"query": query, "fragment": fragment, "form": came.form}
	place := v.placeOfAnswer()
	if place == "form" && (came.method != http.MethodPost || came.contentType != "application/x-www-form-urlencoded") {
		v.Errorf("the answer comes by %s as %s", came.method, came.contentType)
	}
	for name, parameters := range places {
		if (name == place) != (len(parameters) > 0) {
			v.Errorf("the answer belongs into the %s; the %s is %v", place, name, parameters)
		}
	}
	for name, values := range places[place] {
		if len(values) > 1 {
			v.Errorf("the answer has %s %d times", name, len(values))
		}
	}
	return places[place]
}

func (v *visit) placeOfAnswer() string {
	switch responseType := v.request.Get("response_type"); {
	case v.request.Get("response_mode") == "form_post":
		return "form"
	case responseType == "code" || responseType == "":
		return "query"
	default:
		return "fragment"
	}
}

// withoutRegistered takes away from a query what the redirect URI has itself.
func (v *visit) withoutRegistered(query url.Values) {
	v.Helper()
	redirectURI, err := url.Parse(v.request.Get("redirect_uri"))
	if err != nil {
		v.Fatal(err)
	}
	for name, values := range redirectURI.Query() {
		if !slices.Equal(query[name], values) {
			v.Errorf("%s of the redirect URI's query has become %v", name, query[name])
		}
		query.Del(name)
	}
}

// described is what error_description may consist of, RFC 6749 §4.1.2.1.
var described = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// refused returns the error of the response, and checks the rest of it.
func (v *visit) refused() string {
	v.Helper()
	answer := v.answer()
	for name := range answer {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "iss"}, name) {
			v.Errorf("the error response has %s", name)
		}
	}
	v.checkStateAndIssuer(answer)
	if !described.MatchString(answer.Get("error_description")) {
		v.Errorf("error_description is %q", answer.Get("error_description"))
	}
	if answer.Get("error") == "" {
		v.Errorf("the answer is no error: %v", answer)
	}
	return answer.Get("error")
}

func (v *visit) checkStateAndIssuer(answer url.Values) {
	v.Helper()
	if got, want := answer["state"], v.request["state"]; !slices.Equal(got, want) {
		v.Errorf("state is %q, want %q", got, want)
	}
	if got := answer.Get("iss"); got != v.op.URL {
		v.Errorf("iss is %q, want %q", got, v.op.URL)
	}
}

// grant is what a client has got.
type grant struct {
	*visit
	// answer is the authorization response.
	answer url.Values
	// front is its ID token, back the token endpoint's; nil without one.
	front, back *idToken
	// tokens is the token endpoint's response, nil without one.
	tokens providertest.Tokens
}

// signIn goes through the whole flow of the run's response type, which must
// succeed, with changes to the request.
func (c *client) signIn(changes ...string) *grant {
	c.Helper()
	return c.authorize(c.request(changes...)).granted()
}

// granted is a visit that must end in success: the response is checked, the code
// is redeemed, userinfo is asked with every access token.
func (v *visit) granted() *grant {
	v.Helper()
	g := v.authorized()
	if g.answer.Has("access_token") {
		g.sameSubject(v.userinfo(g.answer.Get("access_token")))
	}
	if g.answer.Has("code") {
		g.redeem()
		g.sameSubject(v.userinfo(g.tokens.Get("access_token")))
	}
	return g
}

// authorized is a visit that must end in success, as far as the authorization
// response.
func (v *visit) authorized() *grant {
	v.Helper()
	g := &grant{visit: v, answer: v.answer()}
	if g.answer.Get("error") != "" {
		v.Fatalf("the answer is an error: %v", g.answer)
	}
	v.checkStateAndIssuer(g.answer)
	for parameter, part := range map[string]string{"code": "code", "id_token": "id_token", "access_token": "token"} {
		if (g.answer.Get(parameter) != "") != v.has(part) {
			v.Errorf("%s is %q with response type %s", parameter, g.answer.Get(parameter), v.responseType)
		}
	}
	if v.has("token") {
		checkTokenResponse(v, g.answer.Get("token_type"), g.answer.Get("expires_in"))
	}
	if v.has("id_token") {
		g.front = v.verify(g.answer.Get("id_token"), "")
		g.front.checkHashes(v.run, hashes{
			code: g.answer.Get("code"), accessToken: g.answer.Get("access_token"), needed: true, state: g.answer.Get("state"),
		})
	}
	return g
}

// redeem exchanges the code, OpenID Connect Core §3.1.3.
func (g *grant) redeem() {
	g.Helper()
	res := g.token(g.codeForm())
	if res.StatusCode != http.StatusOK || !isJSON(res) {
		g.Fatalf("the token endpoint answers %d, %s", res.StatusCode, res.Body)
	}
	g.tokens = res.JSON(g)
	g.checkTokens(res)
	g.back = g.verify(g.tokens.Get("id_token"), "")
	g.back.checkHashes(g.run, hashes{code: g.answer.Get("code"), accessToken: g.tokens.Get("access_token"), state: g.answer.Get("state")})
	if g.front != nil && (g.front.claims["sub"] != g.back.claims["sub"] || g.front.claims["iss"] != g.back.claims["iss"]) {
		g.Errorf("the ID tokens are for %v and %v", g.front.claims, g.back.claims)
	}
}

// checkTokens checks a response of the token endpoint, RFC 6749 §5.1.
func (c *client) checkTokens(res providertest.Response) {
	c.Helper()
	tokens := providertest.Tokens(res.JSON(c))
	if res.Header.Get("Cache-Control") != "no-store" {
		c.Errorf("Cache-Control is %q", res.Header.Get("Cache-Control"))
	}
	if expires, ok := tokens["expires_in"].(float64); !ok || expires <= 0 {
		c.Errorf("expires_in is %v", tokens["expires_in"])
	}
	if !strings.EqualFold(tokens.Get("token_type"), "Bearer") || tokens.Get("access_token") == "" {
		c.Errorf("the response is %s", res.Body)
	}
}

func checkTokenResponse(v *visit, tokenType, expiresIn string) {
	v.Helper()
	if !strings.EqualFold(tokenType, "Bearer") || !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(expiresIn) {
		v.Errorf("token_type is %q, expires_in %q", tokenType, expiresIn)
	}
}

func (g *grant) codeForm() url.Values {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {g.answer.Get("code")}, "redirect_uri": {g.request.Get("redirect_uri")},
	}
	if g.request.Has("code_challenge") {
		form.Set("code_verifier", providertest.Verifier)
	}
	return form
}

// accessToken is the last one that the client got.
func (g *grant) accessToken() string {
	if g.tokens != nil {
		return g.tokens.Get("access_token")
	}
	return g.answer.Get("access_token")
}

// idToken is the last one that the client got.
func (g *grant) idToken() *idToken {
	if g.back != nil {
		return g.back
	}
	return g.front
}

// sameSubject checks that userinfo is about the ID tokens' person, OpenID
// Connect Core §5.3.2.
func (g *grant) sameSubject(userinfo map[string]any) {
	g.Helper()
	for _, token := range []*idToken{g.front, g.back} {
		if token != nil && token.claims["sub"] != userinfo["sub"] {
			g.Errorf("userinfo is about %v, the ID token about %v", userinfo["sub"], token.claims["sub"])
		}
	}
}

// userinfo asks for the claims.
func (c *client) userinfo(token string) map[string]any {
	c.Helper()
	return c.checkUserinfo(c.get(c.endpoint("userinfo_endpoint"), token))
}
