// Package web owns the edge between net/http and the handlers: handlers return
// errors, a renderer chosen by the route presents them, and one event a request
// is logged. It owns no route and knows no endpoint.
package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Handler serves a request or returns why it did not. It writes nothing before
// it returns an error, and does not log the error.
type Handler func(http.ResponseWriter, *http.Request) error

// Renderer presents an error. The route chooses it.
type Renderer func(http.ResponseWriter, *http.Request, *oauth.Error)

// Handle adapts a handler: its errors are noted in the request's event and
// presented by render.
func Handle(render Renderer, h Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		e := oauth.AsError(err)
		EventOf(r.Context()).Fail(e)
		render(w, r, e)
	}
}

// retryAfter is what a client is told to wait after an outage, in seconds.
const retryAfter = "2"

// JSON writes value with status 200.
func JSON(w http.ResponseWriter, value any) error {
	return JSONStatus(w, http.StatusOK, value)
}

// JSONStatus writes value with the status.
func JSONStatus(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// OAuthJSON presents an error of the token endpoint and its relatives,
// [RFC 6749 §5.2].
//
// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
func OAuthJSON(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	if e.Code == oauth.InvalidClient {
		// "Basic" is the one scheme of ours that a browser or library knows.
		w.Header().Set("WWW-Authenticate", `Basic realm="gatelodge", charset="UTF-8"`)
	}
	Outage(w, e)
	_ = JSONStatus(w, e.Status(), map[string]string{
		"error":             string(e.Code),
		"error_description": describe(r, e),
	})
}

// Bearer presents an error of a resource that takes access tokens,
// [RFC 6750 §3]. A request without any token learns no error code.
//
// [RFC 6750 §3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
func Bearer(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	Outage(w, e)
	challenge := `Bearer realm="gatelodge"`
	switch e.Code {
	case oauth.InvalidToken, oauth.InsufficientScope, oauth.InvalidRequest:
		if e.Description != "" {
			challenge += fmt.Sprintf(`, error=%q, error_description=%q`, e.Code, e.Description)
		}
		w.Header().Set("WWW-Authenticate", challenge)
	default:
	}
	_ = JSONStatus(w, e.Status(), map[string]string{
		"error":             string(e.Code),
		"error_description": describe(r, e),
	})
}

// BearerToken is the token in the Authorization header, [RFC 6750 §2.1], "" if there
// is none.
//
// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func BearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// Outage tells the client of an outage when to come back.
func Outage(w http.ResponseWriter, e *oauth.Error) {
	if e.Code == oauth.TemporarilyUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
}

// describe adds the request id to faults that only the operator can look into.
func describe(r *http.Request, e *oauth.Error) string {
	if e.Status() < http.StatusInternalServerError {
		return e.Description
	}
	return e.Description + " (request " + EventOf(r.Context()).ID + ")"
}
