package myaccount

import (
	"encoding/json"
	"net/http"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// carried is what a page brings back of what was begun on it: sealed, for the browser
// and the person alone.
type carried struct {
	User string `json:"u"`
	// Ceremony is of a factor that is being added.
	Ceremony *factor.Ceremony `json:"c,omitempty"`
	// Draft is what was mailed, and Link the id of the latest mail's.
	Draft *account.Draft `json:"d,omitempty"`
	Link  string         `json:"l,omitempty"`
}

func (h *Handler) carry(w http.ResponseWriter, r *http.Request, v *visit, c carried) string {
	c.User = v.who.User.ID
	plain, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, bytes and a time of this century always marshal
	}
	return h.Cookies.Seal(w, r, h.Carried, plain)
}

// carriedBack opens what carry made for this person in this browser.
func (h *Handler) carriedBack(r *http.Request, v *visit) (carried, error) {
	var c carried
	plain, err := h.Cookies.Open(r, h.Carried, v.form.Get("carried"))
	if err != nil || json.Unmarshal(plain, &c) != nil || v.who == nil || c.User != v.who.User.ID {
		return carried{}, oauth.Refuse(oauth.InvalidRequest, "the page belongs to another browser or person")
	}
	return c, nil
}
