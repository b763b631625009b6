package session

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/storage"
)

// signIn signs somebody in beside those who are, and returns the token.
func signIn(c *Cookies, b browser) Token {
	token, w := NewToken(), httptest.NewRecorder()
	sign(c, b, w, token)
	b.receive(w)
	return token
}

func TestSeveralPeopleAreSignedInTheLatestFirst(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	var want []storage.Hash
	for range storage.MaxSessions + 2 {
		want = slices.Insert(want, 0, signIn(c, b).Hash())
	}
	if got := c.Browser(b.request()).Sessions(); !slices.Equal(got, want[:storage.MaxSessions]) {
		t.Errorf("%d sessions, want the latest %d", len(got), storage.MaxSessions)
	}
	used := c.Browser(b.request())
	used.Use(want[2])
	if got := used.Sessions(); got[0] != want[2] || got[1] != want[0] || len(got) != storage.MaxSessions {
		t.Error("the session used is not the first")
	}
}

// OpenID Connect Session Management §3.2: the OP browser state changes with
// every sign-in and sign-out, and only then.
func TestBrowserStateChangesWithTheSessions(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	seen := map[string]bool{c.Browser(b.request()).State(): true}
	if !seen[""] {
		t.Error("a browser without sessions has a state")
	}
	first := signIn(c, b)
	for step := range 3 {
		state := c.Browser(b.request()).State()
		if seen[state] || state != b[c.StateCookie()] || strings.Contains(b[sessionCookie], state) {
			t.Errorf("step %d: state %q", step, state)
		}
		if again := c.Browser(b.request()).State(); again != state {
			t.Error("the state changes by itself")
		}
		seen[state] = true
		switch step {
		case 0:
			signIn(c, b)
		case 1:
			known, w := c.Browser(b.request()), httptest.NewRecorder()
			known.Drop(first.Hash())
			known.Save(w)
			b.receive(w)
		}
	}
}

// OpenID Connect Session Management §3.3: the iframe is in a page of another
// site, and its script compares the cookie.
func TestScriptsOfOtherSitesFramesReadTheBrowserState(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		c, _ := newCookies(t, secure)
		w := httptest.NewRecorder()
		sign(c, browser{}, w, NewToken())
		for _, cookie := range w.Result().Cookies() {
			if cookie.Name != c.StateCookie() {
				continue
			}
			if cookie.HttpOnly || cookie.Secure != secure || (cookie.SameSite == http.SameSiteNoneMode) != secure {
				t.Errorf("https is %t: %s", secure, cookie.Raw)
			}
		}
	}
}

// OpenID Connect Session Management §3.2: session_state is of the client, the
// origin, the browser state and a salt.
func TestSessionStateCanBeComputedByTheIframe(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	signIn(c, b)
	known := c.Browser(b.request())
	for redirectURI, origin := range map[string]string{
		"https://app.example/cb?x=1":   "https://app.example",
		"https://APP.example:443/cb":   "https://app.example",
		"https://app.example:8443/cb":  "https://app.example:8443",
		"http://localhost:80/callback": "http://localhost",
	} {
		hash, salt, _ := strings.Cut(known.SessionState("web", redirectURI), ".")
		if want := digest("web " + origin + " " + known.State() + " " + salt); hash != want || salt == "" {
			t.Errorf("%s: not of %s", redirectURI, origin)
		}
	}
	if got := known.SessionState("native", "com.example.app:/cb"); got != "" {
		t.Errorf("an app without an origin gets %q", got)
	}
}
