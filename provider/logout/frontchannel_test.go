package logout_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

var (
	frame  = regexp.MustCompile(`<iframe [^>]*src="([^"]*)"`)
	onward = regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*data-continue`)
)

// OpenID Connect Front-Channel Logout §2 and §3: the page loads each client's
// address, with iss and the client's own sid added to its query, and then goes on.
// oidcc-frontchannel-rp-initiated-logout.
func TestFramesTellTheClients(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
			m.FrontchannelLogoutURI = "https://app.example/front?a=b"
		})
		p.ChangeClient(t, otherID, func(m *storage.ClientMetadata) { m.FrontchannelLogoutURI = "https://other.example/front" })
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		others := signInAtOther(t, p, browser).Get("id_token")
		res := endSession(t, p, browser, "id_token_hint", token, "post_logout_redirect_uri", afterURI, "state", "s")
		wantPage(t, res, http.StatusOK, "Signing you out")
		want := make([]string, 0, 2)
		for uri, token := range map[string]string{"https://app.example/front?a=b&": token, "https://other.example/front?": others} {
			_, claims := providertest.JWT(t, token)
			sid, _ := claims["sid"].(string)
			want = append(want, uri+url.Values{"iss": {p.Config.Issuer}, "sid": {sid}}.Encode())
		}
		got := make([]string, 0, 2)
		for _, m := range frame.FindAllStringSubmatch(res.Body, -1) {
			got = append(got, html.UnescapeString(m[1]))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("frames %q, want %q", got, want)
		}
		if m := onward.FindStringSubmatch(res.Body); m == nil || html.UnescapeString(m[1]) != afterURI+"?state=s" {
			t.Errorf("goes on to %q", m)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "https://app.example") {
			t.Errorf("the frames are not allowed: %s", csp)
		}
		wantSignedIn(t, p, browser, false)
		// Whom there is nobody to tell of goes on at once.
		wantBack(t, endSession(t, p, browser, "id_token_hint", token, "post_logout_redirect_uri", afterURI), afterURI)
	})
}

// Without an address to go back to the browser goes on to the page that says so.
func TestFramesLeadToThePageThatSaysSo(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
		m.FrontchannelLogoutURI = "https://app.example/front"
	})
	signIn(t, p, browser, "alex")
	res := confirm(t, p, browser, endSession(t, p, browser), "sign-out")
	wantPage(t, res, http.StatusOK, "Signing you out")
	m := onward.FindStringSubmatch(res.Body)
	if m == nil {
		t.Fatal("the page leads nowhere")
	}
	wantPage(t, p.Get(t, browser, html.UnescapeString(m[1])), http.StatusOK, outPage)
}

// Pairwise identifiers and a sid of each client's own, OpenID Connect Core §8 and §17.3:
// whoever has the ID token of one client does not learn by it which others the
// person uses, nor what these know the session by.
func TestFramesAreForTheBrowserOfTheSessionOnly(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	p.ChangeClient(t, otherID, func(m *storage.ClientMetadata) { m.FrontchannelLogoutURI = "https://other.example/front" })
	token := signIn(t, p, browser, "alex").Get("id_token")
	signInAtOther(t, p, browser)
	res := endSession(t, p, providertest.Browser(t), "id_token_hint", token)
	if strings.Contains(res.Body, "other.example") || strings.Contains(res.Header.Get("Content-Security-Policy"), "other.example") {
		t.Errorf("tells of the other client: %s", brief(res))
	}
	wantSignedIn(t, p, browser, false)
}
