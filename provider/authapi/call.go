package authapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gatelodge/gatelodge/internal/strictjson"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// call is a request of one of the operator's own applications.
type call struct {
	client *storage.Client
	body   []byte
	from   account.Origin
}

// serve lets only the operator's own applications through: the client_id in the
// query names one, so that a preflight says it too, and the Origin has to be that of
// one of its redirect URIs. A form of another site cannot send the Content-Type.
func (h *Handler) serve(endpoint func(http.ResponseWriter, *http.Request, *call) error) http.HandlerFunc {
	return web.Handle(present, func(w http.ResponseWriter, r *http.Request) error {
		c, err := h.caller(r)
		if err != nil {
			return err
		}
		web.EventOf(r.Context()).ClientID = c.ID
		origin := r.Header.Get("Origin")
		switch {
		case origin == "" && r.Method == http.MethodGet: // of the provider's own origin, or of no browser
		case !client.HasOrigin(c.Metadata, origin):
			return problem(errOrigin)
		default:
			web.AllowOrigin(w, origin)
		}
		of := &call{client: c, from: account.OriginOf(h.Network(r), r.UserAgent())}
		if r.Method == http.MethodPost {
			if of.body, err = web.Content(r, "application/json"); err != nil {
				return err
			}
		}
		return endpoint(w, r, of)
	})
}

// caller is the application that the request comes from: one of the operator's own,
// which need no consent. One that has registered itself never is.
func (h *Handler) caller(r *http.Request) (*storage.Client, error) {
	query, err := web.Parameters(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	state, err := h.Directory.Read(r.Context(), storage.Wanted{ClientID: query.Get("client_id")})
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	c := state.Client
	if c == nil || !c.Metadata.SkipConsent || c.RegistrationHash != (storage.Hash{}) {
		return nil, problem(errClient)
	}
	return c, nil
}

// preflight tells a browser that the application's scripts may call.
func (h *Handler) preflight(w http.ResponseWriter, r *http.Request) {
	web.Handle(present, func(w http.ResponseWriter, r *http.Request) error {
		c, err := h.caller(r)
		if err != nil {
			return err
		}
		if !client.HasOrigin(c.Metadata, r.Header.Get("Origin")) {
			return problem(errOrigin)
		}
		web.Preflight(w, r)
		return nil
	})(w, r)
}

// read reads the body's members. Those that are not named are ignored.
func (c *call) read(into any) error {
	if _, err := strictjson.Object(c.body); err != nil {
		return oauth.Refuse(oauth.InvalidRequest, "the body must be one JSON object").Because(err)
	}
	err := json.Unmarshal(c.body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return oauth.Refuse(oauth.InvalidRequest, "a member of the body has the wrong type").Because(wrong)
	}
	return err
}
