package myaccount

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// visit is somebody's request for a page or a change of theirs.
type visit struct {
	browser *session.Browser
	// people are those who are signed in in the browser, and who is the one whose
	// account it is about; nil only while it is not known, in an outage.
	people []storage.SignedIn
	who    *storage.SignedIn
	// form is what was entered, now or before the person had to sign in again, and
	// done what they have just done.
	form url.Values
	done consentui.Done
	// problem is why the page is shown again.
	problem consentui.Problem
	// factors are the person's, nil while they have not been read.
	factors *storage.Factors
}

// view is a page. Fresh ones need a recent sign-in.
type view struct {
	fresh bool
	show  func(http.ResponseWriter, *http.Request, *visit) error
}

// change is what the form of a page does.
type change struct {
	// page is where the form is, and where the browser goes afterwards.
	page  string
	fresh bool
	act   func(http.ResponseWriter, *http.Request, *visit) error
	// of names the field that says what of the page it is about, if anything.
	of string
	// again is the page with what was entered. It is nil if nothing can be entered,
	// and returns nil if it needs what storage, which may have failed, did not tell.
	again func(http.ResponseWriter, *http.Request, *visit) consentui.Page
}

// refusal is a problem with what a person has entered.
type refusal struct{ problem consentui.Problem }

func (r refusal) Error() string { return "refused: " + string(r.problem) }

// errNotFound: what the form names is not there, or is somebody else's.
var errNotFound = errors.New("no such thing of this person's")

func notFound() error {
	return oauth.Refuse(oauth.InvalidRequest, "there is no such thing").Because(errNotFound)
}

func isNotFound(e *oauth.Error) bool { return errors.Is(e, errNotFound) }

// view serves a page to whoever is signed in, the one who was here last.
func (h *Handler) view(p view) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.open(r)
		if err != nil {
			return err
		}
		if len(v.people) > 0 {
			v.who = &v.people[0]
		}
		admitted, err := h.admits(r, v, p.fresh)
		if err != nil {
			return err
		}
		if !admitted {
			return h.door(w, v, r.URL.RequestURI())
		}
		h.takeNote(w, r, v)
		return p.show(w, r, v)
	}
}

// change does what a form asks for, to the person whose page it was on.
func (h *Handler) change(c change) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := web.Form(r)
		if err != nil {
			return err
		}
		v, err := h.open(r)
		if err == nil {
			v.form = form
			v.pick(form.Get("account"))
			var admitted bool
			admitted, err = h.admits(r, v, c.fresh)
			if err == nil && !admitted {
				return h.askToSignIn(w, r, v, c)
			}
			if err == nil {
				err = c.act(w, r, v)
			}
		} else {
			v = &visit{form: form}
		}
		return h.conclude(w, r, v, c, err)
	}
}

// conclude presents how a change went, if it went wrong: on the same page if there is
// something on it to keep.
func (h *Handler) conclude(w http.ResponseWriter, r *http.Request, v *visit, c change, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errSignedOut) || errors.Is(err, errStale) {
		return h.askToSignIn(w, r, v, c)
	}
	e, status := oauth.AsError(err), http.StatusServiceUnavailable
	if refused, ok := errors.AsType[refusal](err); ok {
		v.problem, status = refused.problem, http.StatusUnprocessableEntity
		e = oauth.Refuse(oauth.InvalidRequest, "what was entered will not do").Because(err)
	} else if e.Code != oauth.TemporarilyUnavailable {
		return err
	} else {
		v.problem = consentui.ProblemUnavailable
	}
	if c.again == nil {
		return err
	}
	page := c.again(w, r, v)
	if page == nil {
		return err
	}
	web.EventOf(r.Context()).Fail(e)
	web.Outage(w, e)
	return h.Pages.Render(w, r, status, page)
}

// askToSignIn sends the person to sign in, and keeps what they have entered.
func (h *Handler) askToSignIn(w http.ResponseWriter, r *http.Request, v *visit, c change) error {
	h.keep(w, r, v, c.page)
	page := c.page
	if c.of != "" {
		page += "?" + url.Values{c.of: {v.form.Get(c.of)}}.Encode()
	}
	return h.door(w, v, page)
}

// open finds out who is signed in in the browser: one read, none without sessions.
func (h *Handler) open(r *http.Request) (*visit, error) {
	v := &visit{browser: h.Cookies.Browser(r), form: url.Values{}}
	sessions := v.browser.Sessions()
	if len(sessions) == 0 {
		return v, nil
	}
	state, err := h.Directory.Read(r.Context(), storage.Wanted{Sessions: sessions, Now: h.Now()})
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	v.people = state.Sessions
	return v, nil
}

// pick makes the person with the id the one, if they are signed in.
func (v *visit) pick(userID string) {
	if i := slices.IndexFunc(v.people, func(p storage.SignedIn) bool { return p.User.ID == userID }); i >= 0 {
		v.who = &v.people[i]
	}
}

// admits: somebody is signed in, recently and well enough, and means to stay: who has
// asked for the account to be deleted is asked at the door whether they want to keep it.
func (h *Handler) admits(r *http.Request, v *visit, fresh bool) (bool, error) {
	switch {
	case v.who == nil || !v.who.User.DeletesAt.IsZero():
		return false, nil
	case !fresh:
		return true, nil
	case !h.fresh(v):
		return false, nil
	case factor.Multi(v.who.Session.AMR):
		return true, nil
	}
	if err := h.readFactors(r, v); err != nil {
		return false, err
	}
	return proved(v, *v.factors), nil
}

// proved: the session is of somebody who has proved a second factor, if the person has
// one. A session from before they had could otherwise take it away.
func proved(v *visit, f storage.Factors) bool {
	return !factor.Has(f) || factor.Multi(v.who.Session.AMR)
}

func (h *Handler) fresh(v *visit) bool {
	return h.Now().Sub(v.who.Session.AuthTime) <= h.FreshFor
}

// mine is what the pages have in common. In an outage it is not known who it is.
func (v *visit) mine() consentui.Mine {
	m := consentui.Mine{Account: v.form.Get("account"), Several: len(v.people) > 1, Done: v.done, Problem: v.problem}
	if v.who != nil {
		m.Person, m.Account = account.Page(&v.who.User), v.who.User.ID
	}
	return m
}

func (h *Handler) origin(r *http.Request) account.Origin {
	return account.Origin{Network: h.Network(r), UserAgent: r.UserAgent()}
}

// write is the beginning of one: guarded by the session and the password that it was
// asked for with, and recorded as the event, if it is "" by somebody else.
func (h *Handler) write(r *http.Request, v *visit, event account.Event, clientID string) storage.Write {
	now, user := h.Now(), v.who.User
	web.EventOf(r.Context()).Subject = user.ID
	write := storage.Write{
		Key: rand.Text(), Now: now,
		Verified: &storage.Verified{UserID: user.ID, PasswordHash: user.PasswordHash, SessionID: v.who.Session.ID},
	}
	if event != "" {
		write.Activity = []storage.Activity{account.Happened(user.ID, event, clientID, h.origin(r), now)}
	}
	return write
}

// rotate has the session go on under a new token: one from before a change of rights
// is worth nothing after it.
func (v *visit) rotate(w *storage.Write) session.Token {
	token, s := session.NewToken(), v.who.Session
	w.Verified.SessionHash, s.Hash = s.Hash, token.Hash()
	w.Session = &s
	return token
}

// The answers to a change that do not count against what was entered.
var (
	// errSignedOut: the session has ended, or the password was changed, since the
	// request began.
	errSignedOut = errors.New("the person has been signed out in the meantime")
	// errStale: the sign-in is not recent enough for the change.
	errStale = errors.New("the sign-in is not recent enough")
)

// apply stores a change, and has clients told of the sessions that it has ended.
func (h *Handler) apply(r *http.Request, w storage.Write) error {
	switch err := h.Store.Apply(r.Context(), w); {
	case errors.Is(err, storage.ErrSpent), errors.Is(err, storage.ErrNotFound):
		return errSignedOut
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrReplayed):
		return refusal{consentui.ProblemPasskey}
	case err != nil:
		return oauth.Unavailable(err)
	}
	if len(w.Activity) > 0 {
		web.EventOf(r.Context()).Note = strings.ReplaceAll(w.Activity[0].Event, "_", " ")
	}
	if c := w.Change; c != nil && (c.PasswordHash != nil || c.EndSessions != nil || c.DeletesAt != nil) {
		h.Logouts.Kick()
	}
	return nil
}

// renew tells the browser the token that its session has now.
func (v *visit) renew(w http.ResponseWriter, token session.Token) {
	v.browser.Add(token, v.who.Session.Remembered, v.who.Session.Hash)
	v.browser.Save(w)
}

// back leads to a page of the person's that says what was done.
func (h *Handler) back(w http.ResponseWriter, r *http.Request, v *visit, page string, done consentui.Done) error {
	h.leaveNote(w, r, note{User: v.who.User.ID, Page: page, Done: done})
	v.browser.Use(v.who.Session.Hash) // or the page would be somebody else's
	if v.browser.Changed() {
		v.browser.Save(w)
	}
	web.SeeOther(w, h.Issuer+page)
	return nil
}
