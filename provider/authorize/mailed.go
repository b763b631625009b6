package authorize

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// mailed is what a page that waits for the person to read their mail knows of it.
type mailed struct {
	Draft account.Draft `json:"d"`
	// Link is the id of the latest, whose code is good here.
	Link string `json:"l"`
}

// mailSteps are the steps that begin with a mail.
func (h *Handler) mailSteps() map[string]step {
	steps := map[string]step{
		"/link/forgot": h.askMail(account.ToReset), "/link/ask": h.ask,
		"/link/code": h.typeCode, "/link/again": h.mailAgain, "/link/change": h.mailElsewhere,
	}
	if h.MagicLink {
		steps["/link/sign-in"] = h.askMail(account.ToSignIn)
	}
	if h.SignUp {
		steps["/sign-up/start"], steps["/sign-up"] = h.startSignUp, h.signUp
	}
	return steps
}

// mail mails what the draft is about. The flow goes on in this browser alone.
func (h *Handler) mail(w http.ResponseWriter, r *http.Request, f *flow, d account.Draft) error {
	asked, err := h.asked(w, r, f)
	if err != nil {
		return err
	}
	id, err := h.Links.Send(r.Context(), d, asked)
	f.page.Mailed = &mailed{Draft: d, Link: id}
	return err
}

func (h *Handler) asked(w http.ResponseWriter, r *http.Request, f *flow) (account.Asked, error) {
	step, err := h.seal(w, r, f, pending{})
	if err != nil {
		return account.Asked{}, err
	}
	languages := append(strings.Fields(step.UILocales), h.Pages.TextsFor(r).Lang)
	return account.Asked{
		From: h.origin(r), Languages: languages, Flow: step.Request, ClientID: f.client.ID, App: step.Client.Name,
	}, nil
}

// askMail serves POST /link/forgot and /link/sign-in: where to is the mail to go?
func (h *Handler) askMail(purpose account.Purpose) step {
	return func(w http.ResponseWriter, r *http.Request, f *flow) error {
		f.remember = f.form.Get("remember") == "yes" // the sign-in page's, which led here
		return h.showAskMail(w, r, f, consentui.AskMail{Purpose: string(purpose), Identifier: f.form.Get("username")})
	}
}

func (h *Handler) showAskMail(w http.ResponseWriter, r *http.Request, f *flow, page consentui.AskMail) error {
	step, err := h.seal(w, r, f, pending{Asks: account.Purpose(page.Purpose)})
	if err != nil {
		return err
	}
	page.Step = step
	return h.Pages.Render(w, r, statusOf(page.Problem), page)
}

// ask serves POST /link/ask. Whether there is somebody with that address is for
// nobody to know.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, f *flow) error {
	purpose, entered := account.Purpose(f.form.Get("purpose")), f.form.Get("username")
	if purpose != account.ToReset && (purpose != account.ToSignIn || !h.MagicLink) {
		return oauth.Refuse(oauth.InvalidRequest, "no such mail is sent")
	}
	draft, err := h.Links.Ask(r.Context(), purpose, entered, h.origin(r))
	if err == nil {
		err = h.mail(w, r, f, draft)
	}
	if err != nil {
		return h.showAskMail(w, r, f, consentui.AskMail{
			Purpose: string(purpose), Identifier: entered, Problem: linkProblem(w, r, err),
		})
	}
	return h.showCheckMail(w, r, f, consentui.CheckMail{})
}

// showCheckMail shows that a mail is on its way, if there is whom to send it to.
func (h *Handler) showCheckMail(w http.ResponseWriter, r *http.Request, f *flow, page consentui.CheckMail) error {
	m := f.page.Mailed
	step, err := h.seal(w, r, f, pending{Mailed: m})
	if err != nil {
		return err
	}
	page.Step, page.Purpose, page.Email = step, string(m.Draft.Purpose), m.Draft.Entered
	return h.Pages.Render(w, r, statusOf(page.Problem), page)
}

// showMailStep shows the page once more that is about a mail, if it was such a page.
func (h *Handler) showMailStep(w http.ResponseWriter, r *http.Request, f *flow) (shown bool, err error) {
	switch {
	case h.Links == nil:
		return false, nil
	case f.page.Mailed != nil:
		return true, h.showCheckMail(w, r, f, consentui.CheckMail{})
	case f.page.Asks == account.ToSignUp:
		return true, h.showSignUp(w, r, f, consentui.SignUp{})
	case f.page.Asks != "":
		return true, h.showAskMail(w, r, f, consentui.AskMail{Purpose: string(f.page.Asks)})
	}
	return false, nil
}

// waiting makes sure that the page is one that waits for the mail.
func waiting(f *flow) error {
	if f.page.Mailed == nil {
		return expired(f.client.ID)
	}
	return nil
}

// mailAgain serves POST /link/again.
func (h *Handler) mailAgain(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := waiting(f); err != nil {
		return err
	}
	if f.arrived() {
		return h.next(w, r, f)
	}
	asked, err := h.asked(w, r, f)
	if err != nil {
		return err
	}
	id, err := h.Links.Again(r.Context(), f.page.Mailed.Draft, asked)
	if err != nil {
		return h.showCheckMail(w, r, f, consentui.CheckMail{Problem: linkProblem(w, r, err)})
	}
	f.page.Mailed.Link = id
	return h.showCheckMail(w, r, f, consentui.CheckMail{Again: true})
}

// mailElsewhere serves POST /link/change: the address was not the right one.
func (h *Handler) mailElsewhere(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := waiting(f); err != nil {
		return err
	}
	d := f.page.Mailed.Draft
	if d.Purpose == account.ToSignUp {
		return h.showSignUp(w, r, f, consentui.SignUp{Name: d.Name, Email: d.Entered})
	}
	return h.showAskMail(w, r, f, consentui.AskMail{Purpose: string(d.Purpose), Identifier: d.Entered})
}

// typeCode serves POST /link/code: what was in the mail, typed in the browser that
// asked for it.
func (h *Handler) typeCode(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := waiting(f); err != nil {
		return err
	}
	found, err := h.Links.Type(r.Context(), f.page.Mailed.Link, f.form.Get("code"))
	if err == nil && found.Purpose == account.ToReset { // whose mail has no code
		err = account.ErrCode
	}
	if err == nil {
		err = h.use(r, f, found, "")
	}
	switch {
	case errors.Is(err, account.ErrLink) && f.arrived():
		return h.next(w, r, f)
	case err != nil:
		return h.showCheckMail(w, r, f, consentui.CheckMail{Problem: linkProblem(w, r, err)})
	}
	return h.next(w, r, f)
}

// arrived reports whether the person whom the page waits for has followed the link in
// another tab of this browser, and if so has the flow go on with them.
func (f *flow) arrived() bool {
	identifier, err := account.Normalise(f.page.Mailed.Draft.Entered)
	if err != nil {
		return false
	}
	f.signedIn = f.pick(func(p storage.SignedIn) bool {
		return !p.Session.AuthTime.Before(f.started) && slices.Contains(p.User.Identifiers, identifier)
	})
	return f.signedIn
}
