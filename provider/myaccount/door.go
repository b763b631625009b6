package myaccount

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
)

// door sends the browser to sign in and back to the page: as somebody who has to
// prove anew who they are, or as anybody.
func (h *Handler) door(w http.ResponseWriter, v *visit, page string) error {
	if !client.LeadsToAccount(h.Issuer, h.Issuer+page) {
		page = pathOverview
	}
	parameters := h.request(page)
	if v.who != nil {
		parameters.Set("max_age", strconv.Itoa(int(h.FreshFor/time.Second)))
		parameters.Set("acr_values", claims.ACRMultiFactor) // of those who can
		parameters.Set("login_hint", hint(v))
	}
	web.SeeOther(w, h.Issuer+"/authorize?"+parameters.Encode())
	return nil
}

// request is what the account's own client asks the authorization endpoint for: that
// somebody is signed in, and no token.
func (h *Handler) request(page string) url.Values {
	return url.Values{
		"client_id": {client.AccountID}, "response_type": {"none"}, "scope": {"openid"},
		"redirect_uri": {h.Issuer + page},
	}
}

func hint(v *visit) string {
	if len(v.who.User.Identifiers) == 0 {
		return ""
	}
	return v.who.User.Identifiers[0]
}

// switchAccount serves GET /account/switch: another of the people in the browser.
func (h *Handler) switchAccount(w http.ResponseWriter, _ *http.Request, _ *visit) error {
	parameters := h.request(pathOverview)
	parameters.Set("prompt", "select_account")
	web.SeeOther(w, h.Issuer+"/authorize?"+parameters.Encode())
	return nil
}

// noteLifetime is for how long a note waits for its page: as long as it may take to
// sign in again.
const noteLifetime = 15 * time.Minute

// note is what a page leaves for the next one: what was done, or what was entered
// before the person had to sign in again. It is sealed, and for the browser alone.
type note struct {
	User string         `json:"u"`
	Page string         `json:"p"`
	Done consentui.Done `json:"d,omitempty"`
	Form url.Values     `json:"f,omitempty"`
	At   time.Time      `json:"t"`
}

// secrets are the fields that are never kept.
func secrets() []string { return []string{"password", "current", "code", "answer", "carried"} }

// keep keeps what was entered on the page.
func (h *Handler) keep(w http.ResponseWriter, r *http.Request, v *visit, page string) {
	for _, name := range secrets() {
		v.form.Del(name)
	}
	h.leaveNote(w, r, note{User: v.form.Get("account"), Page: page, Form: v.form})
}

func (h *Handler) leaveNote(w http.ResponseWriter, r *http.Request, n note) {
	n.At = h.Now()
	plain, err := json.Marshal(n)
	if err != nil {
		panic(err) // strings and a time of this century always marshal
	}
	h.Cookies.LeaveNote(w, r, h.Notes, plain, n.At.Add(noteLifetime))
}

// takeNote reads the note that is for the page and the person, if there is one, and
// takes it away.
func (h *Handler) takeNote(w http.ResponseWriter, r *http.Request, v *visit) {
	var n note
	plain, err := h.Cookies.Note(r, h.Notes)
	if err != nil || json.Unmarshal(plain, &n) != nil {
		return
	}
	if n.User != v.who.User.ID || n.Page != r.URL.Path || h.Now().Sub(n.At) > noteLifetime {
		return
	}
	h.Cookies.TakeNote(w)
	v.done = n.Done
	if n.Form != nil {
		v.form = n.Form
	}
}
