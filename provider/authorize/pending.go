package authorize

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// pending is an authorization request that waits in a page for its person. It
// is sealed, and bound to the browser by a cookie, so that a flow that began in
// one browser cannot be finished in another. Nothing of it is stored.
type pending struct {
	// Request is the request, encoded as it came.
	Request string    `json:"r"`
	Started time.Time `json:"t"`
	// User is whom a consent page was shown to, and Scopes are those it asked for.
	User   string   `json:"u,omitempty"`
	Scopes []string `json:"s,omitempty"`
}

// errExpired reports a page that is too old, or not ours, or from another
// browser. The person can only begin again.
var errExpired = errors.New("the page has expired or belongs to another browser")

func expired() error {
	return oauth.Refuse(oauth.InvalidRequest, "this page has expired").Because(errExpired)
}

// seal puts the flow, and what else the page shows, into a page of the browser
// that the request comes from.
func (h *Handler) seal(w http.ResponseWriter, r *http.Request, f *flow, p pending) (string, error) {
	p.Request, p.Started = f.request.Form.Encode(), f.started
	plain, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	browser := h.Cookies.BindBrowser(w, r)
	return base64.RawURLEncoding.EncodeToString(h.Pending.Seal(plain, []byte(browser))), nil
}

// unseal opens what seal made for this browser.
func (h *Handler) unseal(r *http.Request, sealed string) (pending, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return pending{}, expired()
	}
	for _, binding := range h.Cookies.Bindings(r) {
		plain, err := h.Pending.Open(raw, []byte(binding))
		if err != nil {
			continue
		}
		var p pending
		if err := json.Unmarshal(plain, &p); err != nil || h.Now().Sub(p.Started) > h.PendingLifetime {
			return pending{}, expired()
		}
		return p, nil
	}
	return pending{}, expired()
}

// resume takes up the flow that a page of ours carries. The request is read and
// checked again: what was true when the page was made may have changed.
func (h *Handler) resume(r *http.Request, form url.Values, withSession bool) (*flow, pending, error) {
	p, err := h.unseal(r, form.Get("request"))
	if err != nil {
		return nil, p, err
	}
	parameters, err := url.ParseQuery(p.Request)
	if err != nil {
		return nil, p, err
	}
	var cookie storage.Hash
	if withSession {
		cookie = h.sessionOf(r)
	}
	f, err := h.begin(r.Context(), parameters, p.Started, cookie)
	if err != nil {
		return nil, p, err
	}
	return f, p, h.check(r.Context(), f)
}
