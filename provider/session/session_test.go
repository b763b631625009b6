package session

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newCookies(t *testing.T, secure bool) (*Cookies, *clock) {
	t.Helper()
	keys, err := secret.New(strings.Repeat("s", secret.MinLength))
	if err != nil {
		t.Fatal(err)
	}
	now := &clock{start}
	return &Cookies{Secure: secure, Kept: time.Hour, Key: keys.For("known devices"), Now: now.Now}, now
}

// browser keeps cookies as a browser does, and expires none by itself.
type browser map[string]string

// request is one that the browser sends.
func (b browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// receive takes in the cookies of an answer, and returns them.
func (b browser) receive(w *httptest.ResponseRecorder) []*http.Cookie {
	set := w.Result().Cookies()
	for _, cookie := range set {
		b[cookie.Name] = cookie.Value
	}
	return set
}

// sign gives the browser one more session.
func sign(c *Cookies, b browser, w http.ResponseWriter, token Token) {
	known := c.Browser(b.request())
	known.Add(token, true)
	known.Save(w)
}

// RFC 6265bis §4.1.3.2: a __Host- cookie comes from this host, over TLS, and is
// for all of it.
func TestCookiesAreForThisHostAlone(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		c, _ := newCookies(t, secure)
		w := httptest.NewRecorder()
		sign(c, browser{}, w, NewToken())
		c.BindBrowser(w, httptest.NewRequest(http.MethodGet, "/", nil))
		c.RememberDevice(w, httptest.NewRequest(http.MethodGet, "/", nil), Person{"u1", "ada", "Ada"}, true)
		set := w.Result().Cookies()
		if len(set) != 5 {
			t.Fatalf("%d cookies, want 5", len(set))
		}
		for _, cookie := range set {
			if strings.HasSuffix(cookie.Name, stateCookie) {
				continue // see TestScriptsOfOtherSitesFramesReadTheBrowserState
			}
			if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
				t.Errorf("wrong flags: %s", cookie.Raw)
			}
			if cookie.Secure != secure || strings.HasPrefix(cookie.Name, "__Host-") != secure {
				t.Errorf("https is %t: %s", secure, cookie.Raw)
			}
		}
	}
}

func TestSessionCookieLeadsToTheStoredHash(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b, token := browser{}, NewToken()
	w := httptest.NewRecorder()
	sign(c, b, w, token)
	set := b.receive(w)
	for _, cookie := range set {
		if want := start.Add(time.Hour); cookie.Value != "" && !cookie.Expires.Equal(want) {
			t.Errorf("%s expires %v, want %v", cookie.Name, cookie.Expires, want)
		}
	}
	if got := c.Browser(b.request()).Sessions(); len(got) != 1 || got[0] != token.Hash() {
		t.Errorf("got %x", got)
	}
}

func TestTokensHave256Bits(t *testing.T) {
	t.Parallel()
	seen := map[storage.Hash]bool{}
	for range 100 {
		token := NewToken()
		raw, err := base64.RawURLEncoding.DecodeString(token.value)
		if err != nil || len(raw) != 32 || bytes.Equal(raw, make([]byte, 32)) || seen[token.Hash()] {
			t.Fatal("a token is short, weak or repeated")
		}
		seen[token.Hash()] = true
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	t.Parallel()
	token := NewToken()
	for _, printed := range []string{
		fmt.Sprint(token), fmt.Sprintf("%+v %#v %q %x", token, token, token, token),
	} {
		if strings.Contains(printed, token.value) || strings.Contains(printed, fmt.Sprintf("%x", token.value)) {
			t.Error("the token prints")
		}
	}
}

// A session that the browser brings along is looked up, and never becomes that
// of the next sign-in: OWASP ASVS 5.0 §7.2.4.
func TestSessionIsNeverFixedFromOutside(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	planted := NewToken()
	b := browser{"__Host-gatelodge-session": planted.value}
	w := httptest.NewRecorder()
	known := c.Browser(b.request())
	known.Add(NewToken(), false, known.Sessions()...)
	known.Save(w)
	b.receive(w)
	if slices.Contains(c.Browser(b.request()).Sessions(), planted.Hash()) {
		t.Error("the planted session survives the sign-in")
	}
}

func TestClearedSessionIsGone(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b, token, w := browser{}, NewToken(), httptest.NewRecorder()
	sign(c, b, w, token)
	b.receive(w)
	w = httptest.NewRecorder()
	known := c.Browser(b.request())
	known.Drop(token.Hash())
	known.Save(w)
	for _, cookie := range b.receive(w) {
		if cookie.Value != "" || !cookie.Expires.Before(start) {
			t.Errorf("set %s", cookie.Raw)
		}
	}
}

func TestAlteredCookiesAreNone(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, false)
	good := NewToken().value
	for name, value := range map[string]string{
		"empty": "", "short": good[:42], "long": good + "A", "padded": good + "=",
		"another alphabet": "+" + good[1:], "loose last bits": good[:42] + "B", "junk": "x y\x00",
	} {
		b := browser{sessionCookie: value, browserCookie: value, deviceCookie: value}
		if len(c.Browser(b.request()).Sessions()) > 0 {
			t.Errorf("%s: a session", name)
		}
		if got := c.Bindings(b.request()); len(got) > 0 {
			t.Errorf("%s: a browser", name)
		}
		if got := c.Device(b.request(), "ada"); got != (Device{}) {
			t.Errorf("%s: a device", name)
		}
	}
}

// One of two cookies of a name comes from a path or a domain that is not ours to
// give: RFC 6265 §8.6.
func TestTwoCookiesOfOneNameAreNone(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, false)
	r := browser{sessionCookie: NewToken().value}.request()
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: NewToken().value})
	if len(c.Browser(r).Sessions()) > 0 {
		t.Error("one was chosen")
	}
}

// A plain cookie can be planted by any host below ours.
func TestPlainNamesAreIgnoredOnHTTPS(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	value := NewToken().value
	b := browser{sessionCookie: value, browserCookie: value}
	if len(c.Browser(b.request()).Sessions()) > 0 {
		t.Error("a plain session cookie counts")
	}
	if got := c.Bindings(b.request()); len(got) > 0 {
		t.Error("a plain browser cookie counts")
	}
}

// Tabs that are opened at once all ask before any has an answer.
func TestFirstTabsDoNotTakeEachOthersBinding(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	var bound []string
	var answers []*httptest.ResponseRecorder
	for range 10 {
		w := httptest.NewRecorder()
		bound, answers = append(bound, c.BindBrowser(w, browser{}.request())), append(answers, w)
	}
	for _, w := range answers {
		b.receive(w)
	}
	for _, value := range bound {
		if !slices.Contains(c.Bindings(b.request()), value) {
			t.Error("a tab has lost its binding")
		}
	}
}

func TestBrowserKeepsItsBinding(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	w := httptest.NewRecorder()
	first := c.BindBrowser(w, b.request())
	if set := b.receive(w); len(set) != 1 || !set[0].Expires.IsZero() || set[0].MaxAge != 0 {
		t.Errorf("want one cookie that lasts until the browser is closed, got %v", set)
	}
	w = httptest.NewRecorder()
	second := c.BindBrowser(w, b.request())
	if first != second || len(w.Result().Cookies()) != 0 {
		t.Error("a second tab is bound to another value")
	}
	if got := c.Bindings(b.request()); !slices.Equal(got, []string{first}) {
		t.Error("the binding is not read back")
	}
	if other := c.BindBrowser(httptest.NewRecorder(), browser{}.request()); other == first {
		t.Error("two browsers share a binding")
	}
}

func TestDeviceIsKnownToWhoSignedIn(t *testing.T) {
	t.Parallel()
	c, now := newCookies(t, true)
	b := browser{}
	if got := c.Device(b.request(), "ada"); got != (Device{}) {
		t.Fatalf("a new browser is %v", got)
	}
	signIn := func(userID, identifier string) {
		w := httptest.NewRecorder()
		c.RememberDevice(w, b.request(), Person{userID, identifier, ""}, false)
		set := b.receive(w)
		if want := now.now.Add(deviceLifetime); !set[0].Expires.Equal(want) {
			t.Errorf("expires %v, want %v", set[0].Expires, want)
		}
		now.now = now.now.Add(time.Hour)
	}
	signIn("u1", "ada")
	signIn("u2", "bob")
	id := c.Device(b.request(), "ada").ID
	if id == "" {
		t.Fatal("the device has no id")
	}
	for identifier, want := range map[string]Device{
		"ada":             {ID: id, UserID: "u1"},
		"bob":             {ID: id, UserID: "u2"},
		"bob@example.com": {ID: id, UserID: "u2"}, // perhaps an alias of the latest
	} {
		if diff := cmp.Diff(want, c.Device(b.request(), identifier)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", identifier, diff)
		}
	}
	now.now = start.Add(deviceLifetime + 30*time.Minute)
	if got := c.Device(b.request(), "ada"); got.UserID != "u2" {
		t.Errorf("Ada's last sign-in is too long ago: %v", got)
	}
	now.now = start.Add(2 * deviceLifetime)
	if got := c.Device(b.request(), "bob"); got != (Device{}) {
		t.Errorf("a device nobody uses is %v", got)
	}
}

// The cookie is sealed: nobody can make themselves a device of somebody else.
func TestDeviceCookieCannotBeForged(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	w := httptest.NewRecorder()
	c.RememberDevice(w, b.request(), Person{"u1", "ada", "Ada"}, true)
	b.receive(w)
	name := c.name(deviceCookie)
	sealed, err := base64.RawURLEncoding.DecodeString(b[name])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("ada")) {
		t.Error("the cookie can be read")
	}
	for i := range sealed {
		sealed[i] ^= 1
		b[name] = base64.RawURLEncoding.EncodeToString(sealed)
		if got := c.Device(b.request(), "ada"); got != (Device{}) {
			t.Fatalf("byte %d altered: %v", i, got)
		}
		sealed[i] ^= 1
	}
}

// Browsers drop cookies above 4096 bytes, RFC 6265 §6.1.
func TestDeviceCookieIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, true)
	b := browser{}
	var raw string
	for i := range 2 * peoplePerDevice {
		w := httptest.NewRecorder()
		c.RememberDevice(w, b.request(), Person{fmt.Sprintf("%036d", i), strings.Repeat(string(rune('a'+i)), 254), strings.Repeat("\u00e9", 200)}, true)
		raw = b.receive(w)[0].Raw
	}
	if len(raw) > 4096 {
		t.Errorf("%d bytes", len(raw))
	}
}
