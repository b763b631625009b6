package logout_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// OpenID Connect RP-Initiated Logout §2 and §3: with an ID token of the session
// nobody is asked, the session ends, and the browser goes to the registered
// address with exactly the state.
func TestHintEndsTheSessionWithoutAsking(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for name, test := range map[string]struct {
			uri, state, want string
		}{
			"with state":         {afterURI, "a state & more", afterURI + "?state=a+state+%26+more"},
			"without state":      {afterURI, "", afterURI},
			"a registered query": {afterURI + "?a=b", "s", afterURI + "?a=b&state=s"},
		} {
			browser := providertest.Browser(t)
			token := signIn(t, p, browser, "alex").Get("id_token")
			wantSignedIn(t, p, browser, true)
			wantBack(t, endSession(t, p, browser, "id_token_hint", token,
				"post_logout_redirect_uri", test.uri, "state", test.state), test.want)
			if wantSignedIn(t, p, browser, false); t.Failed() {
				t.Fatal(name)
			}
			// §4: it is no error that the person has been signed out already.
			wantBack(t, endSession(t, p, browser, "id_token_hint", token,
				"post_logout_redirect_uri", test.uri, "state", test.state), test.want)
		}
	})
}

// oidcc-rp-initiated-logout-no-post-logout-redirect-uri.
func TestHintAloneLeadsToThePageThatSaysSo(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	wantPage(t, endSession(t, p, browser, "id_token_hint", token, "state", "s"), http.StatusOK, outPage)
	wantSignedIn(t, p, browser, false)
}

// OpenID Connect RP-Initiated Logout §2: expired ID tokens are accepted.
func TestExpiredHintIsGood(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	p.Clock.Advance(p.Config.Lifetimes.IDToken + time.Hour)
	wantSignedIn(t, p, browser, true)
	wantBack(t, endSession(t, p, browser, "id_token_hint", token, "post_logout_redirect_uri", afterURI), afterURI)
	wantSignedIn(t, p, browser, false)
}

// OpenID Connect RP-Initiated Logout §3: an address that is not registered to the
// letter is never gone to, whatever proves the client.
func TestUnregisteredAddressIsNeverGoneTo(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	for _, uri := range []string{
		"https://evil.example/", afterURI + "/", afterURI + "?foo=bar", afterURI + "?a=b&foo=bar", afterURI + "#f",
		"https://APP.example/signed-out", "https://app.example:443/signed-out", "https://app.example/./signed-out",
		"https://app.example@evil.example/signed-out", providertest.RedirectURI, "javascript:alert(1)", "//evil.example", " " + afterURI,
		"https://other.example/bye",
	} {
		for name, parameters := range map[string][]string{
			"a hint":      {"id_token_hint", token},
			"a client_id": {"client_id", providertest.ClientID},
		} {
			res := endSession(t, p, browser, append(parameters, "post_logout_redirect_uri", uri, "state", "s")...)
			if wantPage(t, res, http.StatusBadRequest, wrongPage); strings.Contains(res.Body, "evil") {
				t.Errorf("%s: the page repeats the address", name)
			}
		}
	}
	wantSignedIn(t, p, browser, true)
}

// OpenID Connect RP-Initiated Logout §2: without an ID token of ours the person is
// asked, and the browser never goes where nothing says whose address it is.
func TestWithoutAGoodHintThePersonIsAsked(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	tokens := signIn(t, p, browser, "alex")
	token := tokens.Get("id_token")
	header, payload, _ := strings.Cut(token, ".")
	_ = header
	payload, signature, _ := strings.Cut(payload, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	stranger := providertest.SignJWT(t, "HS256", []byte(strings.Repeat("k", 32)), map[string]any{
		"iss": p.Config.Issuer, "aud": providertest.ClientID, "sub": providertest.UserID, "iat": 1, "exp": 2,
	}, map[string]any{"typ": "JWT"})
	for name, parameters := range map[string][]string{
		"no parameters":           nil,
		"only state":              {"state", "s"},
		"no hint":                 {"post_logout_redirect_uri", afterURI, "state", "s"},
		"an address of nobody's":  {"post_logout_redirect_uri", "https://evil.example/"},
		"alg none":                {"id_token_hint", none + "." + payload + ".", "post_logout_redirect_uri", afterURI},
		"alg none, with the sum":  {"id_token_hint", none + "." + payload + "." + signature, "post_logout_redirect_uri", afterURI},
		"signed by somebody else": {"id_token_hint", stranger, "post_logout_redirect_uri", afterURI},
		"an access token":         {"id_token_hint", tokens.Get("access_token"), "post_logout_redirect_uri", afterURI},
		"no token at all":         {"id_token_hint", "x", "post_logout_redirect_uri", afterURI},
	} {
		res := endSession(t, p, browser, parameters...)
		wantAsked(t, res)
		if !strings.Contains(res.Body, "Alex Sample") {
			t.Errorf("%s: the page does not say who is meant", name)
		}
		wantPage(t, confirm(t, p, browser, res, "stay"), http.StatusOK, stayPage)
		wantSignedIn(t, p, browser, true)
		wantPage(t, confirm(t, p, browser, res, "sign-out"), http.StatusOK, outPage)
		if wantSignedIn(t, p, browser, false); t.Failed() {
			t.Fatal(name)
		}
		signIn(t, p, browser, "alex")
	}
}

// A registered address of the client that client_id names is gone to, once the
// person has agreed.
func TestClientIDLeadsBackOnceThePersonAgrees(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	signIn(t, p, browser, "alex")
	parameters := []string{"client_id", providertest.ClientID, "post_logout_redirect_uri", afterURI, "state", "s"}
	res := endSession(t, p, browser, parameters...)
	if !strings.Contains(res.Body, "Sample App") {
		t.Error("the page does not say who asks")
	}
	stay := confirm(t, p, browser, res, "stay")
	wantPage(t, stay, http.StatusOK, stayPage)
	if !strings.Contains(stay.Body, afterURI+"?state=s") {
		t.Error("no way back")
	}
	wantBack(t, confirm(t, p, browser, res, "sign-out"), afterURI+"?state=s")
	wantSignedIn(t, p, browser, false)

	// With nobody to ask a link leads there.
	res = endSession(t, p, browser, parameters...)
	wantPage(t, res, http.StatusOK, outPage)
	if !strings.Contains(res.Body, afterURI+"?state=s") {
		t.Error("no link back")
	}
}

// OpenID Connect RP-Initiated Logout §2: client_id is that of the ID token.
func TestClientIDMustBeTheHints(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	wantPage(t, endSession(t, p, browser, "id_token_hint", token, "client_id", otherID), http.StatusBadRequest, wrongPage)
	wantPage(t, endSession(t, p, browser, "client_id", "unknown"), http.StatusBadRequest, wrongPage)
	wantSignedIn(t, p, browser, true)
	wantPage(t, endSession(t, p, browser, "id_token_hint", token, "client_id", providertest.ClientID), http.StatusOK, outPage)
}

// OpenID Connect RP-Initiated Logout §2: the person is asked if the ID token is
// not of the session, and whoever it is of stays signed in.
func TestHintOfSomebodyElseEndsNobodysSession(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		alex, bo := providertest.Browser(t), providertest.Browser(t)
		token := signIn(t, p, alex, "alex").Get("id_token")
		signIn(t, p, bo, "bo")
		res := endSession(t, p, bo, "id_token_hint", token, "post_logout_redirect_uri", afterURI)
		if wantAsked(t, res); strings.Contains(res.Body, "Alex") || !strings.Contains(res.Body, "Bo Sample") {
			t.Error("the page asks about somebody else")
		}
		wantBack(t, confirm(t, p, bo, res, "sign-out"), afterURI)
		wantSignedIn(t, p, bo, false)
		wantSignedIn(t, p, alex, true)
	})
}

// A hint ends the session that it is of, and leaves other people in the browser
// signed in.
func TestHintEndsOneOfSeveralSessions(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		alex := signIn(t, p, browser, "alex")
		bo := signIn(t, p, browser, "bo")
		before := cookies(t, p, browser)
		wantBack(t, endSession(t, p, browser, "id_token_hint", bo.Get("id_token"), "post_logout_redirect_uri", afterURI), afterURI)
		wantSignedIn(t, p, browser, true)
		if after := cookies(t, p, browser); after["gatelodge-state"] == before["gatelodge-state"] || after["gatelodge-state"] == "" {
			t.Error("the browser state has not changed") // Session Management §3.2
		}
		if !p.Works(t, alex) || p.Works(t, bo) {
			t.Error("the tokens of the wrong session are dead")
		}
		wantBack(t, endSession(t, p, browser, "id_token_hint", alex.Get("id_token"), "post_logout_redirect_uri", afterURI), afterURI)
		wantSignedIn(t, p, browser, false)
	})
}

// logout_hint names one of several people; one that names nobody is no reason to
// sign out fewer.
func TestLogoutHintNamesOneOfSeveral(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	alex, bo := signIn(t, p, browser, "alex"), signIn(t, p, browser, "bo")
	res := endSession(t, p, browser, "logout_hint", "Bo@Example.com", "ui_locales", "tlh en")
	if strings.Contains(res.Body, "Alex") || !strings.Contains(res.Body, "Bo Sample") {
		t.Error("the page asks about somebody else")
	}
	wantPage(t, confirm(t, p, browser, res, "sign-out"), http.StatusOK, outPage)
	if !p.Works(t, alex) || p.Works(t, bo) {
		t.Error("somebody else is signed out")
	}
	bo = signIn(t, p, browser, "bo")
	res = endSession(t, p, browser, "logout_hint", "nobody")
	if !strings.Contains(res.Body, "Alex Sample") || !strings.Contains(res.Body, "Bo Sample") {
		t.Error("the page does not ask about both")
	}
	wantPage(t, confirm(t, p, browser, res, "sign-out"), http.StatusOK, outPage)
	if p.Works(t, alex) || p.Works(t, bo) {
		t.Error("somebody is still signed in")
	}
}

// What ends with the session, on every node: the session itself, access tokens,
// refresh tokens without offline_access, whichever client has them.
func TestWhatEndsWithTheSession(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		node := anotherNode(t, p)
		browser := providertest.Browser(t)
		offline := signIn(t, p, browser, "alex", "scope", "openid offline_access")
		others := signInAtOther(t, p, browser)
		pending := p.Authorize(t, browser, other("prompt", "consent")).Pending(t)
		_, q := p.Authorize(t, browser, other()).Redirect(t)
		wantBack(t, endSession(t, p, browser, "id_token_hint", offline.Get("id_token"), "post_logout_redirect_uri", afterURI), afterURI)

		if p.Works(t, others) {
			t.Error("an access token of the session is still good")
		}
		providertest.InvalidGrant(t, p.Token(t, providertest.With(providertest.CodeForm(q.Get("code")), "redirect_uri", otherURI),
			otherID, providertest.ClientSecret))
		res := p.Post(t, browser, "/consent", url.Values{"request": {pending}, "decision": {"allow"}})
		if strings.Contains(res.Header.Get("Location"), "code=") {
			t.Error("what was begun in the session goes on after it")
		}
		refreshed := p.Granted(t, providertest.RefreshForm(offline.Get("refresh_token")))
		if !p.Works(t, refreshed) { // OpenID Connect Back-Channel Logout §2.7
			t.Error("offline_access has ended")
		}
		if _, q := node.Authorize(t, withCookies(t, p, node, browser), params("prompt", "none")).Redirect(t); q.Get("error") != "login_required" {
			t.Errorf("another node still knows the session: %v", q)
		}
	})
}

// anotherNode is another process on the same database.
func anotherNode(t *testing.T, p *providertest.Provider) *providertest.Provider {
	t.Helper()
	node := providertest.New(t, providertest.Options{Store: p.Store})
	prepare(t, p) // the fixtures are new
	return node
}

// withCookies is the browser, as another node of the provider sees it.
func withCookies(t *testing.T, p, node *providertest.Provider, browser *http.Client) *http.Client {
	t.Helper()
	from, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	copied := providertest.Browser(t)
	copied.Jar.SetCookies(to, browser.Jar.Cookies(from))
	return copied
}

// A session that one node ends is refused by another at its next request, even
// from a browser that has kept the cookie.
func TestEndedSessionIsRefusedOnEveryNode(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		node := anotherNode(t, p)
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		kept := withCookies(t, p, node, browser)
		wantSignedIn(t, node, kept, true)
		wantBack(t, endSession(t, p, browser, "id_token_hint", token, "post_logout_redirect_uri", afterURI), afterURI)
		wantSignedIn(t, node, kept, false)
	})
}

// Access tokens of the session's grants are inactive at introspection, JWT and
// opaque ones, whichever client has them.
func TestAccessTokensOfTheSessionAreInactive(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		p.ChangeClient(t, otherID, func(m *storage.ClientMetadata) {
			m.Scope, m.AccessTokenFormat = m.Scope+" "+providertest.APIScope, "opaque"
		})
		jwt := signIn(t, p, browser, "alex", "scope", "openid "+providertest.APIScope)
		opaque := signInAtOther(t, p, browser, "scope", "openid "+providertest.APIScope)
		active := func() [2]any {
			return [2]any{
				p.Introspect(t, jwt.Get("access_token"))["active"], p.Introspect(t, opaque.Get("access_token"))["active"],
			}
		}
		if got := active(); got != [2]any{true, true} {
			t.Fatalf("active before: %v", got)
		}
		wantPage(t, endSession(t, p, browser, "id_token_hint", jwt.Get("id_token")), http.StatusOK, outPage)
		if got := active(); got != [2]any{false, false} {
			t.Errorf("active after: %v", got)
		}
	})
}

// A program that passes on the hint ends the session, without cookies and without
// following: zitadel's rp.EndSession.
func TestProgramEndsASessionWithTheHint(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		form := url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {afterURI}, "state": {"s"}}
		program := providertest.Browser(t)
		res := p.Post(t, program, "/end_session", form)
		wantBack(t, res, afterURI+"?state=s")
		if len(res.Cookies()) > 0 {
			t.Error("cookies for a program")
		}
		wantSignedIn(t, p, browser, false)
		wantBack(t, p.Post(t, program, "/end_session", form), afterURI+"?state=s")
	})
}

// A form that another site posts comes without the SameSite=Lax cookies: the
// browser is sent to the same request as a GET, which has them.
func TestPostOfABrowserBecomesAGet(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	form := url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {afterURI}, "state": {"a b&c"}}
	for name, value := range map[string]string{"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/end_session", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(name, value)
		wantBack(t, providertest.Do(t, providertest.Browser(t), r), p.URL+"/end_session?"+form.Encode())
	}
	wantSignedIn(t, p, browser, true)
	wantBack(t, p.Get(t, browser, "/end_session?"+form.Encode()), afterURI+"?state=a+b%26c")
	wantSignedIn(t, p, browser, false)
}

// Parameters are sent once, and requests are of a size that a page can carry:
// RFC 6749 §3.1 and §3.2.
func TestMalformedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	for name, query := range map[string]string{
		"a hint twice": "id_token_hint=" + token + "&id_token_hint=" + token,
		"state twice":  "id_token_hint=" + token + "&state=a&state=b",
		"bad encoding": "state=%zz&id_token_hint=" + token,
		"not UTF-8":    "state=%ff&id_token_hint=" + token,
		"a NUL":        "state=%00&id_token_hint=" + token,
		"too long":     "id_token_hint=" + token + "&state=" + strings.Repeat("s", 8<<10),
	} {
		t.Log(name)
		wantPage(t, p.Get(t, browser, "/end_session?"+query), http.StatusBadRequest, wrongPage)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/end_session", strings.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		wantPage(t, providertest.Do(t, browser, r), http.StatusBadRequest, wrongPage)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/end_session", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	wantPage(t, providertest.Do(t, browser, r), http.StatusBadRequest, wrongPage)
	wantSignedIn(t, p, browser, true)
	// A parameter without a value counts as left out.
	wantBack(t, p.Get(t, browser, "/end_session?state=&logout_hint=&id_token_hint="+token+
		"&post_logout_redirect_uri="+url.QueryEscape(afterURI)), afterURI)
}

// A hint of a client that is no longer there is none.
func TestHintOfADeletedClientIsNone(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	signIn(t, p, browser, "alex")
	token := signInAtOther(t, p, browser).Get("id_token")
	if err := p.Store.DeleteClient(t.Context(), otherID); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(time.Minute)
	wantAsked(t, endSession(t, p, browser, "id_token_hint", token))
}

// No client learns another's sid, and a hint with the sid of another client's
// session ends nothing.
func TestSIDIsOfOneClient(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	tokens, others := signIn(t, p, browser, "alex"), signInAtOther(t, p, browser)
	_, mine := providertest.JWT(t, tokens.Get("id_token"))
	_, theirs := providertest.JWT(t, others.Get("id_token"))
	if mine["sid"] == theirs["sid"] || mine["sid"] == nil || theirs["sid"] == nil {
		t.Errorf("sid %v and %v", mine["sid"], theirs["sid"])
	}
	mine["sid"], mine["aud"] = theirs["sid"], providertest.ClientID
	forged, err := p.Keys.Sign(t.Context(), "RS256", "JWT", mine)
	if err != nil {
		t.Fatal(err)
	}
	wantAsked(t, endSession(t, p, browser, "id_token_hint", forged))
	wantPage(t, endSession(t, p, providertest.Browser(t), "id_token_hint", forged), http.StatusOK, outPage)
	wantSignedIn(t, p, browser, true)
}

// A signed answer of userinfo has our signature, and is no ID token.
func TestHintNeedsAnIDTokensClaims(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	_, claims := providertest.JWT(t, signIn(t, p, browser, "alex").Get("id_token"))
	for _, name := range []string{"iss", "sub", "aud", "iat", "exp", "sid"} {
		changed := map[string]any{}
		for n, v := range claims {
			if n != name {
				changed[n] = v
			}
		}
		token, err := p.Keys.Sign(context.Background(), "RS256", "JWT", changed)
		if err != nil {
			t.Fatal(err)
		}
		wantAsked(t, endSession(t, p, browser, "id_token_hint", token))
	}
	claims["iss"] = "https://another.example"
	token, err := p.Keys.Sign(t.Context(), "RS256", "JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	wantAsked(t, endSession(t, p, browser, "id_token_hint", token))
}

// OpenID Connect Discovery §3 and the metadata of the specifications of logout:
// what is named answers, and what is claimed has tests here.
func TestDiscoveryNamesTheEndpoints(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	metadata := p.Get(t, p.Client(), "/.well-known/openid-configuration").JSON(t)
	for member, want := range map[string]any{
		"end_session_endpoint": p.Config.Issuer + "/end_session", "check_session_iframe": p.Config.Issuer + "/check_session",
		"frontchannel_logout_supported": true, "frontchannel_logout_session_supported": true,
		"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
	} {
		if metadata[member] != want {
			t.Errorf("%s is %v, want %v", member, metadata[member], want)
		}
	}
	for _, path := range []string{"/end_session", "/check_session"} {
		if res := p.Get(t, p.Client(), path); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, brief(res))
		}
	}
}
