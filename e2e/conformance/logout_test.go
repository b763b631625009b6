package conformance

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

func logoutModules() []module {
	return []module{
		{"oidcc-rp-initiated-logout", "RL", rpInitiatedLogout},
		{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", "RL", nobodySentBack(func(g *grant, _ url.Values) []string {
			return []string{"post_logout_redirect_uri", g.rp.url("post_logout/" + random())}
		})},
		{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", "RL", nobodySentBack(func(_ *grant, request url.Values) []string {
			return []string{"post_logout_redirect_uri", request.Get("post_logout_redirect_uri") + "?foo=bar"}
		})},
		{"oidcc-rp-initiated-logout-modified-id-token-hint", "RL", nobodySentBack(func(g *grant, _ url.Values) []string {
			return []string{"id_token_hint", unsignedObject(g.run, g.idToken().claims)}
		})},
		{"oidcc-rp-initiated-logout-bad-id-token-hint", "RL", nobodySentBack(func(g *grant, _ url.Values) []string {
			header := map[string]any{"kid": g.idToken().header.KeyID}
			return []string{"id_token_hint", providertest.SignJWT(g, "RS256", key(), g.idToken().claims, header)}
		})},
		{"oidcc-rp-initiated-logout-no-id-token-hint", "RL", nobodySentBack(func(*grant, url.Values) []string {
			return []string{"id_token_hint", ""}
		})},
		{"oidcc-rp-initiated-logout-no-params", "RL", signedOut("id_token_hint", "", "post_logout_redirect_uri", "", "state", "")},
		{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", "RL", signedOut("post_logout_redirect_uri", "")},
		{"oidcc-rp-initiated-logout-only-state", "RL", signedOut("id_token_hint", "", "post_logout_redirect_uri", "")},
		{"oidcc-rp-initiated-logout-no-state", "RL", logoutWithoutState},
		{"oidcc-backchannel-rp-initiated-logout", "BL", backchannelLogout},
		{"oidcc-frontchannel-rp-initiated-logout", "FL", frontchannelLogout},
	}
}

// registerForLogout registers a client that signs people out.
func (r *run) registerForLogout(changes map[string]any) *client {
	r.Helper()
	document := map[string]any{"post_logout_redirect_uris": []string{r.rp.url("post_logout")}}
	maps.Copy(document, changes)
	return r.register(document)
}

// logoutRequest is a request that leads back, OpenID Connect RP-Initiated
// Logout §2. The state is a long one.
func (g *grant) logoutRequest() url.Values {
	return url.Values{
		"id_token_hint": {g.idToken().raw}, "post_logout_redirect_uri": {g.rp.url("post_logout")},
		"state": {strings.Repeat("0123456789abcdef", 8)},
	}
}

// departure is a way through the pages of a logout.
type departure struct {
	page *page
	// asked is how often the person was asked, waits the pages that load frames.
	asked int
	waits []*page
}

// signOut goes to the end_session_endpoint as a person who agrees.
func (r *run) signOut(request url.Values) *departure {
	r.Helper()
	address := r.endpoint("end_session_endpoint")
	if len(request) > 0 {
		address += "?" + request.Encode()
	}
	d := &departure{page: r.browser.open(address)}
	for range 10 {
		if r.rp.owns(d.page.address) {
			return d
		}
		next, ask := d.page.refresh(), d.page.form("decision")
		switch {
		case ask != nil:
			d.asked++
			d.page = r.browser.submit(ask, "decision", "sign-out")
		case next != nil:
			d.waits = append(d.waits, d.page)
			r.browser.loadFrames(d.page)
			d.page = r.browser.open(next.String())
		default:
			return d
		}
	}
	r.Fatalf("the pages do not end; the last one is %q at %s", d.page.heading(), d.page.address)
	return nil
}

// sentBack checks that the person is back at the client, with these parameters
// and no others.
func (d *departure) sentBack(r *run, parameters url.Values) {
	r.Helper()
	if !r.rp.owns(d.page.address) || !strings.HasSuffix(d.page.address.Path, "/post_logout") {
		r.Fatalf("the logout ends at %s with %d %q", d.page.address, d.page.status, d.page.heading())
	}
	if got := d.page.address.Query(); got.Encode() != parameters.Encode() {
		r.Errorf("the parameters are %v, want %v", got, parameters)
	}
}

// isSignedOut checks that no session is left in the browser.
func (c *client) isSignedOut() {
	c.Helper()
	needsPerson(c.authorize(c.request("prompt", "none")))
}

func rpInitiatedLogout(r *run) {
	g := r.registerForLogout(nil).signIn()
	request := g.logoutRequest()
	r.signOut(request).sentBack(r, url.Values{"state": request["state"]})
	g.isSignedOut()
}

func logoutWithoutState(r *run) {
	g := r.registerForLogout(nil).signIn()
	r.signOut(providertest.With(g.logoutRequest(), "state", "")).sentBack(r, url.Values{})
	g.isSignedOut()
}

// nobodySentBack is a module whose request is changed so that it leads nowhere:
// there is an error page, or the person is asked, and in the end is still here.
func nobodySentBack(change func(*grant, url.Values) []string) func(*run) {
	return func(r *run) {
		g := r.registerForLogout(nil).signIn()
		request := g.logoutRequest()
		d := r.signOut(providertest.With(request, change(g, request)...))
		if r.rp.owns(d.page.address) {
			r.Errorf("the logout ends at %s", d.page.address)
		}
		if d.asked == 0 && d.page.status != http.StatusBadRequest {
			r.Errorf("the person was not asked, and sees %q with %d", d.page.heading(), d.page.status)
		}
	}
}

// signedOut is a module whose request, changed, signs the person out and leads
// to a page that says so.
func signedOut(changes ...string) func(*run) {
	return func(r *run) {
		g := r.registerForLogout(nil).signIn()
		d := r.signOut(providertest.With(g.logoutRequest(), changes...))
		if r.rp.owns(d.page.address) || d.page.status != http.StatusOK || d.page.heading() == "" {
			r.Errorf("the logout ends at %s with %d %q", d.page.address, d.page.status, d.page.heading())
		}
		g.isSignedOut()
	}
}

// OpenID Connect Back-Channel Logout §2.4, §2.5.
func backchannelLogout(r *run) {
	g := r.registerForLogout(map[string]any{
		"backchannel_logout_uri": r.rp.url("backchannel_logout"), "backchannel_logout_session_required": true,
	}).signIn()
	request := g.logoutRequest()
	r.signOut(request).sentBack(r, url.Values{"state": request["state"]})
	told := r.rp.await(r, "backchannel_logout")
	if told.method != http.MethodPost || told.contentType != "application/x-www-form-urlencoded" || told.tls != tls.VersionTLS13 {
		r.Errorf("the client is told by %s as %s over %s", told.method, told.contentType, tls.VersionName(told.tls))
	}
	if names := slices.Collect(maps.Keys(told.form)); !slices.Equal(names, []string{"logout_token"}) || len(told.query) != 0 {
		r.Errorf("the parameters are %v and %v", told.form, told.query)
	}
	g.checkLogoutToken(r.verifySignature(told.form.Get("logout_token"), g.idTokenAlgorithm()))
	g.isSignedOut()
}

func (g *grant) checkLogoutToken(token *idToken) {
	g.Helper()
	claims, now := token.claims, g.op.Clock.Now()
	if claims["iss"] != g.op.URL || !audienceIs(claims["aud"], g.id) {
		g.Errorf("iss is %v, aud %v", claims["iss"], claims["aud"])
	}
	if iat := g.time(claims, "iat"); iat.Before(now.Add(-5*time.Minute)) || iat.After(now) {
		g.Errorf("iat is %v, and it is %v", iat, now)
	}
	if jti, _ := claims["jti"].(string); jti == "" || claims["nonce"] != nil {
		g.Errorf("jti is %q, nonce %v", jti, claims["nonce"])
	}
	if events, err := json.Marshal(claims["events"]); err != nil || string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
		g.Errorf("events is %s", events)
	}
	if sid := claims["sid"]; sid == nil || sid != g.idToken().claims["sid"] {
		g.Errorf("sid is %v, the ID token's %v", sid, g.idToken().claims["sid"])
	}
	if sub := claims["sub"]; sub != nil && sub != g.idToken().claims["sub"] {
		g.Errorf("sub is %v, the ID token's %v", sub, g.idToken().claims["sub"])
	}
	if typ := token.header.ExtraHeaders["typ"]; typ != "logout+jwt" {
		g.Errorf("typ is %v", typ)
	}
}

// OpenID Connect Front-Channel Logout §2.
func frontchannelLogout(r *run) {
	g := r.registerForLogout(map[string]any{
		"frontchannel_logout_uri": r.rp.url("frontchannel_logout"), "frontchannel_logout_session_required": true,
	}).signIn()
	request := g.logoutRequest()
	d := r.signOut(request)
	d.sentBack(r, url.Values{"state": request["state"]})
	if len(d.waits) != 1 {
		r.Errorf("there are %d pages with frames", len(d.waits))
	}
	told := r.rp.received("frontchannel_logout")
	sid, _ := g.idToken().claims["sid"].(string)
	if want := (url.Values{"iss": {r.op.URL}, "sid": {sid}}); len(told) != 1 || sid == "" || told[0].query.Encode() != want.Encode() {
		r.Errorf("the client is told %v, want %v", told, want)
	}
	g.isSignedOut()
}
