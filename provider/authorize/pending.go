package authorize

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// pending is an authorization request that waits in a page for its person. It
// is sealed, and bound to the browser by a cookie, so that a flow that began in
// one browser cannot be finished in another. Nothing of it is stored.
type pending struct {
	// Request is the request, encoded: the parameters that count.
	Request string `json:"r"`
	// Resolved: they came out of a request object, if there was one.
	Resolved bool      `json:"o,omitempty"`
	Started  time.Time `json:"t"`
	// User is whom the page is about, if anybody, and Scopes are those that it
	// asked for.
	User   string   `json:"u,omitempty"`
	Scopes []string `json:"s,omitempty"`
	// Remember: the person wants to stay signed in.
	Remember bool `json:"m,omitempty"`
	// Proof is what the person has proved so far, nil if they are signed in or nobody.
	Proof *proof `json:"p,omitempty"`
	// Passkey is what the page asks of a passkey, and App the authenticator app that
	// it adds.
	Passkey *factor.Ceremony `json:"k,omitempty"`
	App     *factor.Ceremony `json:"a,omitempty"`
	// Asks is what the page asks the address for, if it does.
	Asks account.Purpose `json:"q,omitempty"`
	// Mailed is what the person was mailed, if the page waits for them to read it.
	Mailed *mailed `json:"l,omitempty"`
}

// expiredError reports a page that is too old, or not ours, or from another
// browser. The person can only begin again, at the client if it is known.
type expiredError struct{ clientID string }

func (*expiredError) Error() string { return "the page has expired or belongs to another browser" }

func expired(clientID string) error {
	return oauth.Refuse(oauth.InvalidRequest, "this page has expired").Because(&expiredError{clientID})
}

// seal puts the flow, and what else the page shows, into a page of the browser
// that the request comes from: what it returns is what such pages have in common.
func (h *Handler) seal(w http.ResponseWriter, r *http.Request, f *flow, p pending) (consentui.Step, error) {
	p.Request, p.Resolved, p.Started, p.Remember = f.request.Form.Encode(), true, f.started, f.remember
	plain, err := json.Marshal(p)
	if err != nil {
		return consentui.Step{}, err
	}
	return consentui.Step{
		Client: client.Page(f.client), RedirectURI: f.request.RedirectURI,
		Request:   h.Cookies.Seal(w, r, h.Pending, plain) + "." + base64.RawURLEncoding.EncodeToString([]byte(f.client.ID)),
		UILocales: f.request.Form.Get("ui_locales"),
	}, nil
}

// unseal opens what seal made for this browser. Beside it is the client's id, which
// is no secret, so that a page that cannot be opened leads back to somewhere.
func (h *Handler) unseal(r *http.Request, sealed string) (pending, error) {
	sealed, encoded, _ := strings.Cut(sealed, ".")
	id, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return pending{}, expired("")
	}
	var p pending
	plain, err := h.Cookies.Open(r, h.Pending, sealed)
	if err != nil || json.Unmarshal(plain, &p) != nil || h.Now().Sub(p.Started) > h.PendingLifetime {
		return pending{}, expired(string(id))
	}
	if form, err := url.ParseQuery(p.Request); err != nil || form.Get("client_id") != string(id) {
		return pending{}, expired("")
	}
	return p, nil
}

// step is what a form of ours asks for.
type step func(http.ResponseWriter, *http.Request, *flow) error

// resume takes up the flow that the form of a page carries, with the people who are
// signed in in the browser.
func (h *Handler) resume(next step) web.Handler { return h.reopen(h.begin, next) }

// resumeUnread is resume for a step that does not need to know who they are: they
// are not read.
func (h *Handler) resumeUnread(next step) web.Handler { return h.reopen(h.beginUnread, next) }

// reopen reads and checks the request of a page again: what was true when the page
// was made may have changed.
func (h *Handler) reopen(begin func(*http.Request, pending) (*flow, error), next step) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := web.Form(r, "scope")
		if err != nil {
			return err
		}
		p, err := h.unseal(r, form.Get("request"))
		if err != nil {
			return err
		}
		f, err := begin(r, p)
		if err != nil {
			return err
		}
		if err := h.check(r.Context(), f); err != nil {
			return h.refuse(w, r, f, err)
		}
		f.form, f.page, f.remember = form, p, p.Remember
		if lang := form.Get("language"); h.Pages.RememberLanguage(w, lang) {
			f.request.Form.Set("ui_locales", lang) // the application's wish gives way to the person's
		}
		f.identify(p.User)
		return next(w, r, f)
	}
}
