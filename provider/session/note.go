package session

import (
	"net/http"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
)

// noteCookie holds a note.
const noteCookie = "gatelodge-note"

// maxNote is how long a note may be, sealed: browsers drop longer cookies,
// [RFC 6265 §6.1].
//
// [RFC 6265 §6.1]: https://www.rfc-editor.org/rfc/rfc6265#section-6.1
const maxNote = 3800

// LeaveNote leaves something for the next page that this browser asks for, sealed,
// in place of what was left before. What is too long is not left.
func (c *Cookies) LeaveNote(w http.ResponseWriter, r *http.Request, key *secret.Key, plain []byte, expires time.Time) {
	if sealed := c.Seal(w, r, key, plain); len(sealed) <= maxNote {
		c.write(w, noteCookie, sealed, expires)
	}
}

// Note returns what was left for this browser. It fails with [secret.ErrOpen].
func (c *Cookies) Note(r *http.Request, key *secret.Key) ([]byte, error) {
	return c.Open(r, key, c.read(r, noteCookie))
}

// TakeNote takes it away.
func (c *Cookies) TakeNote(w http.ResponseWriter) { c.write(w, noteCookie, "", time.Unix(1, 0)) }
