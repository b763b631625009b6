// Package session owns what the provider keeps in a browser: the cookies of its
// sessions, the one that tells scripts when they change, the one that binds pending
// requests to the browser they began in, and the one by which a person's device is
// known again. It knows nothing of what a session holds: storage keeps that, under
// the token's hash.
package session

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// The names of the cookies, without the prefix that https adds.
const (
	sessionCookie = "gatelodge-session"
	keptCookie    = "gatelodge-kept-session"
	stateCookie   = "gatelodge-state"
	browserCookie = "gatelodge-browser-" // and a random suffix
	deviceCookie  = "gatelodge-device"
)

// Token is the secret of one browser session. It can only be made here, never
// from what a browser sends, so that no session can be fixed from outside. It
// prints as [redacted].
type Token struct{ value string }

// NewToken returns a fresh random token.
func NewToken() Token { return Token{secret.Token("")} }

// Hash is the form in which the token is stored.
func (t Token) Hash() storage.Hash { return storage.HashOf(t.value) }

func (Token) String() string { return "[redacted]" }

// GoString keeps the token out of %#v.
func (Token) GoString() string { return "[redacted]" }

// Cookies reads and writes the provider's cookies. All are for the whole host and
// it alone, HttpOnly and SameSite=Lax, so that they come along when an application
// sends the browser here, but with no request of another site's form. Only the
// [Browser.State] is for scripts, in frames at other sites too.
type Cookies struct {
	// Secure is whether the issuer is https. The cookies then are Secure and
	// named __Host-…, which browsers accept from this very host only. Over
	// plain http, for development, clients that are not browsers would keep
	// such cookies from us.
	Secure bool
	// Kept is how long browsers keep the sessions that outlive their closing.
	Kept time.Duration
	// Key seals the device cookie.
	Key *secret.Key
	Now func() time.Time
}

// maxBindings bounds the values that a request is looked at for.
const maxBindings = 32

// Bindings returns the values that pending requests of this browser may be bound
// to: one, or several if its first tabs were opened at the same moment.
func (c *Cookies) Bindings(r *http.Request) []string {
	var bindings []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, c.name(browserCookie)) && wellFormed(cookie.Value) &&
			len(bindings) < maxBindings {
			bindings = append(bindings, cookie.Value)
		}
	}
	return bindings
}

// BindBrowser returns the value to bind a pending request to, giving the browser
// one that lasts until it is closed if it has none. Its cookie has a name of its
// own, so that tabs that are opened at the same moment do not take each other's.
func (c *Cookies) BindBrowser(w http.ResponseWriter, r *http.Request) string {
	if bindings := c.Bindings(r); len(bindings) > 0 {
		return bindings[0]
	}
	value := secret.Token("")
	c.write(w, browserCookie+value[:6], value, time.Time{})
	return value
}

// read returns the cookie's value, "" if there is none. Two cookies of one name
// are none: one of them was planted, from a path or a parent domain, and nothing
// tells which.
func (c *Cookies) read(r *http.Request, name string) string {
	found := r.CookiesNamed(c.name(name))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// write sets the cookie: until expires, or until the browser is closed if that
// is zero.
func (c *Cookies) write(w http.ResponseWriter, name, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the issuer is https
		Name:     c.name(name),
		Value:    value,
		Path:     "/",
		Expires:  expires,
		Secure:   c.Secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

func (c *Cookies) name(name string) string {
	if c.Secure {
		return "__Host-" + name
	}
	return name
}

// wellFormed reports whether the value could have come from [secret.Token].
func wellFormed(value string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	return err == nil && len(b) == secret.TokenBytes
}
