package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gatelodge/gatelodge/resource"
)

// errNoProfile reports that there is no person with the token's sub: a client
// that acts for itself, or somebody who was deleted since.
var errNoProfile = errors.New("there is no profile of the token's subject")

// api is the API.
type api struct {
	verifier *resource.Verifier
	scope    string
	// profile finds the claims of the person, a JSON object, with the
	// caller's Authorization header if it needs one.
	profile func(ctx context.Context, sub, authorization string) (json.RawMessage, error)
	log     *slog.Logger
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /users/me", a.verifier.Require(a.scope)(http.HandlerFunc(a.me)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, json.RawMessage(`{"status":"ok"}`))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
	return mux
}

// me answers with the profile of the person whom the token is about.
func (a *api) me(w http.ResponseWriter, r *http.Request) {
	token, _ := resource.FromContext(r.Context()) // Require put it there
	profile, err := a.profile(r.Context(), token.Subject, r.Header.Get("Authorization"))
	denied, isDenied := errors.AsType[*deniedError](err)
	switch {
	case err == nil:
		answer(w, http.StatusOK, profile)
	case errors.Is(err, errNoProfile):
		refuse(w, http.StatusNotFound, "not_found", err.Error())
	case isDenied:
		w.Header().Set("WWW-Authenticate", denied.challenge)
		refuse(w, denied.status, denied.code, "the provider does not accept the access token any more, or not for this")
	default:
		a.log.WarnContext(r.Context(), "no profile could be had", slog.Any("error", err))
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the profile cannot be read now")
	}
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	body, err := json.Marshal(map[string]string{"error": code, "error_description": description})
	if err != nil {
		panic(err) // strings can be encoded
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, body json.RawMessage) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
