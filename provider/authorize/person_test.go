package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/storage"
)

// asBo answers a sign-in page as Bo.
func asBo(sealed string) url.Values {
	form := credentials(sealed)
	form.Set("username", "bo")
	return form
}

// allow answers the consent page.
func allow(t *testing.T, p *providertest.Provider, browser *http.Client, res providertest.Response) providertest.Response {
	t.Helper()
	return p.Post(t, browser, "/consent", decision(wantConsent(t, res), "allow"))
}

// both returns a browser in which Alex and then Bo signed in and allowed what
// params asks for.
func both(t *testing.T, p *providertest.Provider) *http.Client {
	t.Helper()
	addBo(t, p)
	browser := signedIn(t, p)
	page := wantConsent(t, p.Authorize(t, browser, params("prompt", "consent")))
	page = wantLogin(t, p.Post(t, browser, "/login/switch", url.Values{"request": {page}}))
	wantCode(t, allow(t, p, browser, p.Post(t, browser, "/login", asBo(page))))
	return browser
}

// subject is the sub of the ID token that the response's code is exchanged for.
func subject(t *testing.T, p *providertest.Provider, res providertest.Response) any {
	t.Helper()
	_, set := providertest.JWT(t, p.Granted(t, providertest.CodeForm(wantCode(t, res))).Get("id_token"))
	return set["sub"]
}

// wantChoice checks that this is the account chooser, and returns its sealed request.
func wantChoice(t *testing.T, res providertest.Response) string {
	t.Helper()
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Body, `action="/login/choose"`) {
		t.Fatalf("not the account chooser: %s", brief(res))
	}
	return res.Pending(t)
}

// OpenID Connect Core §3.1.2.1: prompt=select_account lets the person choose
// among those who are signed in, and the choice lasts.
func TestSelectAccountLetsThePersonChoose(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := both(t, p)
	if got := subject(t, p, p.Authorize(t, browser, params())); got != "bo" {
		t.Errorf("without a choice it is %v, not who signed in last", got)
	}
	for _, who := range []string{providertest.UserID, "bo"} {
		page := wantChoice(t, p.Authorize(t, browser, params("prompt", "select_account")))
		res := p.Post(t, browser, "/login/choose", url.Values{"request": {page}, "account": {who}})
		if got := subject(t, p, res); got != who {
			t.Errorf("chose %s, signed in %v", who, got)
		}
		if got := subject(t, p, p.Authorize(t, browser, params("prompt", "none"))); got != who {
			t.Errorf("after choosing %s, it is %v", who, got)
		}
	}
}

// The chooser is no way around what else the request demands, nor into an account
// that is not signed in here.
func TestChoiceProvesNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := both(t, p)
	saveUser(t, p, "kim", func(*storage.User) {})
	choose := func(account string, changes ...string) providertest.Response {
		page := wantChoice(t, p.Authorize(t, browser, params(append(changes, "prompt", "select_account")...)))
		return p.Post(t, browser, "/login/choose", url.Values{"request": {page}, "account": {account}})
	}
	wantLogin(t, choose("kim"))
	wantLogin(t, choose(""))
	page := wantChoice(t, p.Authorize(t, browser, params("prompt", "select_account login")))
	wantLogin(t, p.Post(t, browser, "/login/choose", url.Values{"request": {page}, "account": {"bo"}}))
	wantConsent(t, choose("bo", "scope", "openid phone"))
	wantLogin(t, p.Authorize(t, providertest.Browser(t), params("prompt", "select_account")))
}

// OpenID Connect Core §3.1.2.1: the one whom id_token_hint names answers, also
// without a page, whoever else was here since; login_hint is a wish.
func TestHintedPersonOfSeveralAnswers(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	hint := p.Tokens(t).Get("id_token")
	browser := both(t, p)
	for _, changes := range [][]string{
		{"id_token_hint", hint, "prompt", "none"},
		{"login_hint", " Alex@Example.com "},
		{"claims", `{"id_token":{"sub":{"value":"` + providertest.UserID + `"}}}`, "prompt", "none"},
	} {
		if got := subject(t, p, p.Authorize(t, browser, params(changes...))); got != providertest.UserID {
			t.Errorf("%v: %v answers", changes, got)
		}
	}
	wantError(t, p.Authorize(t, browser, params("claims", `{"id_token":{"sub":{"value":"kim"}}}`, "prompt", "none")), "login_required")
	wantError(t, p.Authorize(t, browser, params("claims", `{"id_token":{"sub":{"value":"bo"}}}`, "id_token_hint", hint)), "invalid_request")
	wantCode(t, p.Authorize(t, browser, params("login_hint", "kim@example.com")))
}

// The session stays the same one however often the person proves it, so that its
// end reaches all that came of it: OpenID Connect Back-Channel Logout §2.1.
func TestSidStaysWhenThePersonProvesItAnew(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	sid := func(res providertest.Response) any {
		_, set := providertest.JWT(t, p.Granted(t, providertest.CodeForm(wantCode(t, res))).Get("id_token"))
		return set["sid"]
	}
	first := sid(p.Authorize(t, browser, params()))
	page := wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))
	if again := sid(p.Post(t, browser, "/login", credentials(page))); again != first || first == nil {
		t.Errorf("sid is %v after %v", again, first)
	}
	if other := sid(p.Authorize(t, signedIn(t, p), params())); other == first {
		t.Error("two browsers have one sid")
	}
}

// OpenID Connect Core §5.5: claims that are asked for one by one are told where
// they are asked for, once the person has agreed to what they are.
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	const asked = `{"userinfo":{"name":{"essential":true},"unknown":null},"id_token":{"phone_number":null,"acr":{"values":["x"]}}}`
	browser := providertest.Browser(t)
	request := params("scope", "openid", "claims", asked)
	res := p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, request))))
	for _, told := range []string{"profile", "phone"} {
		if !strings.Contains(res.Body, told) {
			t.Errorf("the person is not asked about %s", told)
		}
	}
	tokens := p.Granted(t, providertest.CodeForm(wantCode(t, allow(t, p, browser, res))))
	_, set := providertest.JWT(t, tokens.Get("id_token"))
	userinfo := p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)
	if set["phone_number"] != "+15550100" || set["name"] != nil || set["acr"] != claims.ACRPassword {
		t.Errorf("ID token: %v", set)
	}
	if userinfo["name"] != "Alex Sample" || userinfo["phone_number"] != nil || len(userinfo) != 2 {
		t.Errorf("userinfo: %v", userinfo)
	}
	wantCode(t, p.Authorize(t, browser, request))
}

// OpenID Connect Core §5.5 and §5.5.1.1: what cannot be parsed is refused, and so
// is an acr that is demanded and that nobody here can have.
func TestClaimsParameterIsChecked(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	for name, test := range map[string]struct{ claims, code string }{
		"no JSON":         {`{`, "invalid_request"},
		"no object":       {`["name"]`, "invalid_request"},
		"null":            {`null`, "invalid_request"},
		"members":         {`{"userinfo":["name"]}`, "invalid_request"},
		"too long":        {`{"userinfo":{"` + strings.Repeat("x", 5000) + `":null}}`, "invalid_request"},
		"essential acr":   {`{"id_token":{"acr":{"essential":true,"values":["phr"]}}}`, "unmet_authentication_requirements"},
		"essential value": {`{"id_token":{"acr":{"essential":true,"value":"phr"}}}`, "unmet_authentication_requirements"},
		"our acr":         {`{"id_token":{"acr":{"essential":true,"value":"` + claims.ACRPassword + `"}}}`, ""},
		"a wish":          {`{"id_token":{"acr":{"value":"phr"}}}`, ""},
	} {
		res := p.Authorize(t, browser, params("claims", test.claims))
		if _, q := res.Redirect(t); q.Get("error") != test.code {
			t.Errorf("%s: %v", name, q)
		}
	}
}

// A client gets no claims whose scope it is not registered for.
func TestClaimsParameterGivesNoMoreThanScopes(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Scope = "openid email" })
	browser := providertest.Browser(t)
	code := p.Code(t, browser, params("scope", "openid", "claims", `{"userinfo":{"name":null,"email":null},"id_token":{"address":null}}`))
	tokens := p.Granted(t, providertest.CodeForm(code))
	if _, set := providertest.JWT(t, tokens.Get("id_token")); set["address"] != nil {
		t.Errorf("ID token: %v", set)
	}
	userinfo := p.Bearer(t, "/userinfo", tokens.Get("access_token")).JSON(t)
	if userinfo["email"] == nil || userinfo["name"] != nil {
		t.Errorf("userinfo: %v", userinfo)
	}
}

// OpenID Connect Registration §2: default_max_age applies when the request has no
// max_age of its own.
func TestDefaultMaxAge(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	limit := 10
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.DefaultMaxAge = &limit })
	wantLogin(t, p.Authorize(t, browser, params()))
	wantCode(t, p.Authorize(t, browser, params("max_age", "3600")))
}

// OpenID Connect Core §3.1.2.4: what one person allowed is not what another did, who
// is signed in in the same browser when the answer comes.
func TestConsentIsOfThePersonWhoWasAsked(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	addBo(t, p)
	browser := signedIn(t, p)
	asked := decision(wantConsent(t, p.Authorize(t, browser, params("prompt", "consent", "scope", "openid phone"))), "allow")
	page := wantLogin(t, p.Post(t, browser, "/login/switch", url.Values{"request": {asked.Get("request")}}))
	wantConsent(t, p.Post(t, browser, "/login", asBo(page)))
	if got := subject(t, p, p.Post(t, browser, "/consent", asked)); got != providertest.UserID {
		t.Errorf("Alex was asked, and %v answers", got)
	}
	for _, s := range sessionsOf(t, p, browser) {
		if s.UserID == providertest.UserID {
			if _, err := p.Store.EndSessions(t.Context(), []string{s.ID}, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantLogin(t, p.Post(t, browser, "/consent", asked))
	wantConsent(t, p.Authorize(t, browser, params("scope", "openid phone")))
}

// sessionsOf are those that live of the browser's.
func sessionsOf(t *testing.T, p *providertest.Provider, browser *http.Client) []storage.Session {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []storage.Session
	for _, cookie := range browser.Jar.Cookies(u) {
		for token := range strings.SplitSeq(cookie.Value, ".") {
			state, err := p.Store.Read(t.Context(), storage.Wanted{Sessions: []storage.Hash{storage.HashOf(token)}, Now: p.Clock.Now()})
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range state.Sessions {
				sessions = append(sessions, in.Session)
			}
		}
	}
	return sessions
}
