package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Handler shows developers what is in an inbox, as pages and as JSON.
type Handler struct {
	Inbox *Inbox
	// Deliver delivers what is due, so that whoever looks sees all.
	Deliver func(context.Context) time.Time
	Pages   *consentui.Pages
	Now     func() time.Time
}

// Routes registers the paths below /dev/mail:
//
//	GET /dev/mail                 all mails, the latest first
//	GET /dev/mail/{id}            one of them
//	GET /dev/mail/{id}/html       its HTML, in which nothing runs
//	GET /dev/mail/messages[?to=]  all, or those to an address, as JSON
//	GET /dev/mail/messages/{id}   one as JSON
func (h *Handler) Routes(r chi.Router) {
	page := func(serve web.Handler) http.HandlerFunc { return web.Handle(h.absent, serve) }
	r.Route(consentui.DevMailPath, func(r chi.Router) {
		r.Use(web.NoStore)
		r.Get("/", page(h.list))
		r.Get("/{id}", page(h.show))
		r.Get("/{id}/html", page(h.html))
		r.Get("/messages", web.Handle(absentJSON, h.messages))
		r.Get("/messages/{id}", web.Handle(absentJSON, h.message))
	})
}

// absentJSON and absent present an error: that there is no such mail.
func absentJSON(w http.ResponseWriter, _ *http.Request, e *oauth.Error) {
	_ = web.JSONStatus(w, http.StatusNotFound, map[string]string{"error_description": e.Description})
}

func (h *Handler) absent(w http.ResponseWriter, r *http.Request, _ *oauth.Error) {
	_ = h.Pages.Render(w, r, http.StatusNotFound, consentui.Error{
		Fault: consentui.FaultNotFound, RequestID: web.EventOf(r.Context()).ID, Time: h.Now(),
	})
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	h.Deliver(r.Context())
	var page consentui.DevInbox
	for _, m := range h.Inbox.Messages("") {
		page.Mails = append(page.Mails, pageOf(m))
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

func pageOf(m Message) consentui.DevMail {
	return consentui.DevMail{
		ID: m.ID, From: m.From, To: m.To, Subject: m.Subject, Text: m.Text, Links: m.Links, Code: m.Code, At: m.At,
	}
}

// find returns the message with the id in the path.
func (h *Handler) find(r *http.Request) (Message, error) {
	m, ok := h.Inbox.Message(chi.URLParam(r, "id"))
	if !ok {
		return Message{}, oauth.Refuse(oauth.InvalidRequest, "there is no such mail")
	}
	return m, nil
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	m, err := h.find(r)
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, pageOf(m))
}

// html serves what the mail has as HTML. It may look as it does in a mail program,
// and nothing else: it runs nothing, fetches nothing and leads nowhere.
func (h *Handler) html(w http.ResponseWriter, r *http.Request) error {
	m, err := h.find(r)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; "+
		"frame-ancestors 'self'; base-uri 'none'; form-action 'none'")
	_, err = w.Write([]byte(m.HTML))
	return err
}

func (h *Handler) messages(w http.ResponseWriter, r *http.Request) error {
	h.Deliver(r.Context())
	return web.JSON(w, h.Inbox.Messages(r.URL.Query().Get("to")))
}

func (h *Handler) message(w http.ResponseWriter, r *http.Request) error {
	m, err := h.find(r)
	if err != nil {
		return err
	}
	return web.JSON(w, m)
}
