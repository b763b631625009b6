package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/storage"
)

// Browser is what a browser presents of its sessions, one for each person who is
// signed in there, the one used last first. Changes reach it by [Browser.Save].
type Browser struct {
	cookies *Cookies
	tokens  []string
	saved   cookieValues // what the browser has
}

// cookieValues are what the cookies of the sessions and of their state hold.
type cookieValues struct{ sessions, state string }

func (b *Browser) values() cookieValues { return cookieValues{strings.Join(b.tokens, "."), b.State()} }

// Browser returns the sessions that the request presents. What is not a token of
// ours is left out.
func (c *Cookies) Browser(r *http.Request) *Browser {
	b := &Browser{cookies: c}
	for token := range strings.SplitSeq(c.read(r, sessionCookie), ".") {
		if wellFormed(token) && len(b.tokens) < storage.MaxSessions && !slices.Contains(b.tokens, token) {
			b.tokens = append(b.tokens, token)
		}
	}
	b.saved = cookieValues{strings.Join(b.tokens, "."), c.read(r, stateCookie)}
	return b
}

// Changed reports whether the browser has to be told of what it has now.
func (b *Browser) Changed() bool { return b.saved != b.values() }

// Sessions returns the stored forms of the sessions' tokens.
func (b *Browser) Sessions() []storage.Hash {
	hashes := make([]storage.Hash, 0, len(b.tokens))
	for _, token := range b.tokens {
		hashes = append(hashes, storage.HashOf(token))
	}
	return hashes
}

// Add puts a new session first, in place of those that it replaces. With too many
// the one goes whose use is longest ago.
func (b *Browser) Add(token Token, replaces ...storage.Hash) {
	b.Drop(replaces...)
	b.tokens = slices.Insert(b.tokens, 0, token.value)
	b.tokens = b.tokens[:min(len(b.tokens), storage.MaxSessions)]
}

// Use puts the session first.
func (b *Browser) Use(session storage.Hash) {
	i := slices.IndexFunc(b.tokens, func(t string) bool { return storage.HashOf(t) == session })
	if i < 0 {
		return
	}
	token := b.tokens[i]
	b.tokens = slices.Insert(slices.Delete(b.tokens, i, i+1), 0, token)
}

// Drop takes sessions away.
func (b *Browser) Drop(sessions ...storage.Hash) {
	b.tokens = slices.DeleteFunc(b.tokens, func(t string) bool {
		return slices.Contains(sessions, storage.HashOf(t))
	})
}

// Save tells the browser its sessions, until expires, or that it has none any
// more. It is to be called once the change is stored: before, a failure would
// cost the browser the sessions that it has.
func (b *Browser) Save(w http.ResponseWriter, expires time.Time) {
	if len(b.tokens) == 0 {
		expires = time.Unix(1, 0)
	}
	b.saved = b.values()
	b.cookies.write(w, sessionCookie, b.saved.sessions, expires)
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // no secret, and scripts of our iframe at other sites read it
		Name:     b.cookies.name(stateCookie),
		Value:    b.saved.state,
		Path:     "/",
		Expires:  expires,
		Secure:   b.cookies.Secure,
		SameSite: b.cookies.crossSite(),
	})
}

// crossSite lets a cookie come along in an iframe of another site, which
// browsers do over https only.
func (c *Cookies) crossSite() http.SameSite {
	if c.Secure {
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// StateCookie is the name of the cookie that has the [Browser.State].
func (c *Cookies) StateCookie() string { return c.name(stateCookie) }

// State is the OP browser state of [OpenID Connect Session Management §3.2]:
// another one after every change of who is signed in, "" if nobody is. It tells
// nothing of the tokens.
//
// [OpenID Connect Session Management §3.2]: https://openid.net/specs/openid-connect-session-1_0.html#OPiframe
func (b *Browser) State() string {
	if len(b.tokens) == 0 {
		return ""
	}
	return digest("browser state " + strings.Join(b.tokens, "."))
}

// SessionState returns the session_state of an authorization response to the
// redirect URI, by which a client's script learns of changes,
// [OpenID Connect Session Management §3]. It is "" for a redirect URI that
// belongs to no web origin.
//
// [OpenID Connect Session Management §3]: https://openid.net/specs/openid-connect-session-1_0.html#CreatingUpdatingSessions
func (b *Browser) SessionState(clientID, redirectURI string) string {
	origin := web.Origin(redirectURI)
	if origin == "" {
		return ""
	}
	salt := rand.Text()
	return digest(clientID+" "+origin+" "+b.State()+" "+salt) + "." + salt
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
