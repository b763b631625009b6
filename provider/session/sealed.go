package session

import (
	"encoding/base64"
	"net/http"

	"github.com/gatelodge/gatelodge/provider/secret"
)

// Seal seals what a page of ours carries, so that it can be opened only when the
// browser that the request comes from brings it back.
func (c *Cookies) Seal(w http.ResponseWriter, r *http.Request, key *secret.Key, plain []byte) string {
	browser := c.BindBrowser(w, r)
	return base64.RawURLEncoding.EncodeToString(key.Seal(plain, []byte(browser)))
}

// Open opens what [Cookies.Seal] made for this browser. It fails with
// [secret.ErrOpen].
func (c *Cookies) Open(r *http.Request, key *secret.Key, sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, secret.ErrOpen
	}
	for _, browser := range c.Bindings(r) {
		if plain, err := key.Open(raw, []byte(browser)); err == nil {
			return plain, nil
		}
	}
	return nil, secret.ErrOpen
}
