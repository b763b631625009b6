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
//
// The sessions are in two cookies: one holds those that the browser is to keep when
// it is closed, the other all the rest, and where among them the kept ones belong.
type Browser struct {
	cookies *Cookies
	tokens  []presented
	saved   cookieValues // what the browser has
}

// presented is a session's token, and whether it outlives the closing of the browser.
type presented struct {
	value string
	kept  bool
}

// kept stands for the next of the kept sessions where the others are listed.
const kept = "~"

// cookieValues are what the cookies of the sessions and of their state hold.
type cookieValues struct{ sessions, kept, state string }

func (b *Browser) values() cookieValues {
	var order, lasting []string
	for _, t := range b.tokens {
		if t.kept {
			order, lasting = append(order, kept), append(lasting, t.value)
			continue
		}
		order = append(order, t.value)
	}
	values := cookieValues{kept: strings.Join(lasting, "."), state: b.State()}
	if len(lasting) < len(order) {
		values.sessions = strings.Join(order, ".")
	}
	return values
}

// Browser returns the sessions that the request presents. What is not a token of
// ours is left out.
func (c *Cookies) Browser(r *http.Request) *Browser {
	b := &Browser{cookies: c}
	order, lasting := c.read(r, sessionCookie), strings.Split(c.read(r, keptCookie), ".")
	for token := range strings.SplitSeq(order, ".") {
		if token == kept && len(lasting) > 0 {
			b.present(lasting[0], true)
			lasting = lasting[1:]
			continue
		}
		b.present(token, false)
	}
	for _, token := range lasting {
		b.present(token, true)
	}
	b.saved = b.values()
	b.saved.state = c.read(r, stateCookie)
	return b
}

func (b *Browser) present(token string, lasting bool) {
	again := func(t presented) bool { return t.value == token }
	if wellFormed(token) && len(b.tokens) < storage.MaxSessions && !slices.ContainsFunc(b.tokens, again) {
		b.tokens = append(b.tokens, presented{token, lasting})
	}
}

// Changed reports whether the browser has to be told of what it has now.
func (b *Browser) Changed() bool { return b.saved != b.values() }

// Sessions returns the stored forms of the sessions' tokens.
func (b *Browser) Sessions() []storage.Hash {
	hashes := make([]storage.Hash, 0, len(b.tokens))
	for _, token := range b.tokens {
		hashes = append(hashes, storage.HashOf(token.value))
	}
	return hashes
}

// Add puts a new session first, in place of those that it replaces. The browser
// forgets one that is not remembered when it is closed. With too many the one goes
// whose use is longest ago.
func (b *Browser) Add(token Token, remembered bool, replaces ...storage.Hash) {
	b.Drop(replaces...)
	b.tokens = slices.Insert(b.tokens, 0, presented{token.value, remembered})
	b.tokens = b.tokens[:min(len(b.tokens), storage.MaxSessions)]
}

// PushedOut are the ids of those of the sessions that the browser has no place for any
// more, but for the one with that id, which goes on under another token.
func (b *Browser) PushedOut(sessions []storage.SignedIn, renewed string) []string {
	var ids []string
	held := b.Sessions()
	for _, s := range sessions {
		if s.Session.ID != renewed && !slices.Contains(held, s.Session.Hash) {
			ids = append(ids, s.Session.ID)
		}
	}
	return ids
}

// Use puts the session first.
func (b *Browser) Use(session storage.Hash) {
	i := slices.IndexFunc(b.tokens, func(t presented) bool { return storage.HashOf(t.value) == session })
	if i < 0 {
		return
	}
	token := b.tokens[i]
	b.tokens = slices.Insert(slices.Delete(b.tokens, i, i+1), 0, token)
}

// Drop takes sessions away.
func (b *Browser) Drop(sessions ...storage.Hash) {
	b.tokens = slices.DeleteFunc(b.tokens, func(t presented) bool {
		return slices.Contains(sessions, storage.HashOf(t.value))
	})
}

// Save tells the browser its sessions, or that it has none any more. It is to be
// called once the change is stored: before, a failure would cost the browser the
// sessions that it has.
func (b *Browser) Save(w http.ResponseWriter) {
	b.saved = b.values()
	lasting := b.cookies.Now().Add(b.cookies.Kept) // storage knows better, each for itself
	b.cookies.write(w, sessionCookie, b.saved.sessions, unlessEmpty(b.saved.sessions, time.Time{}))
	b.cookies.write(w, keptCookie, b.saved.kept, unlessEmpty(b.saved.kept, lasting))
	if b.saved.sessions != "" {
		lasting = time.Time{} // when the browser is closed there is another state
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // no secret, and scripts of our iframe at other sites read it
		Name:     b.cookies.name(stateCookie),
		Value:    b.saved.state,
		Path:     "/",
		Expires:  unlessEmpty(b.saved.state, lasting),
		Secure:   b.cookies.Secure,
		SameSite: b.cookies.crossSite(),
	})
}

// unlessEmpty is when a cookie expires: at once if it has no value.
func unlessEmpty(value string, expires time.Time) time.Time {
	if value == "" {
		return time.Unix(1, 0)
	}
	return expires
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
	all := make([]string, 0, len(b.tokens))
	for _, token := range b.tokens {
		all = append(all, token.value)
	}
	return digest("browser state " + strings.Join(all, "."))
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
