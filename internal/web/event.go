package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Event is the one log line of a request. Handlers fill in what they learn;
// never a token, code, secret, cookie or query string.
type Event struct {
	// ID is also the X-Request-Id of the response and shown on error pages.
	ID string
	// ClientID is that of a client that there is: what a request says of itself
	// before it is looked up can be long, and a secret in the wrong place.
	ClientID  string
	GrantType string
	// Subject is the sub of the person concerned.
	Subject string
	// Note names a security event, such as "refresh token reused".
	Note string
	// Trouble is what went wrong and did not fail the request.
	Trouble error

	failure *oauth.Error
}

// Fail notes the refusal or fault that the request ended with.
func (e *Event) Fail(err *oauth.Error) { e.failure = err }

type eventKey struct{}

// EventOf returns the event of the request that the context belongs to; outside
// of a request, one that nobody logs.
func EventOf(ctx context.Context) *Event {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		return e
	}
	return &Event{}
}

// Log gives each request an id and an event and logs it when it is done:
// faults of ours as errors, refusals as warnings, the rest as information. A
// panic becomes a 500 and is logged, but for [http.ErrAbortHandler].
func Log(log *slog.Logger, now func() time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := now()
			event := &Event{ID: rand.Text()}
			w.Header()["X-Request-Id"] = []string{event.ID}
			recorder := &statusRecorder{ResponseWriter: w}
			r = r.WithContext(context.WithValue(r.Context(), eventKey{}, event))
			defer func() {
				if p := recover(); p != nil {
					err := panicError(p)
					if errors.Is(err, http.ErrAbortHandler) {
						panic(p)
					}
					event.Fail(oauth.AsError(err))
					if recorder.status == 0 {
						OAuthJSON(recorder, r, event.failure)
					}
				}
				write(log, r, event, recorder.status, now().Sub(start))
			}()
			next.ServeHTTP(recorder, r)
		})
	}
}

func panicError(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return errors.New("panic in a handler")
}

func write(log *slog.Logger, r *http.Request, e *Event, status int, took time.Duration) {
	level := slog.LevelInfo
	attributes := make([]slog.Attr, 0, 12)
	attributes = append(
		attributes,
		slog.String("request_id", e.ID),
		slog.String("method", r.Method),
		slog.String("route", route(r)),
		slog.Int("status", status),
		slog.Duration("took", took),
	)
	for _, a := range []slog.Attr{
		slog.String("client_id", e.ClientID),
		slog.String("grant_type", e.GrantType),
		slog.String("sub", e.Subject),
		slog.String("event", e.Note),
	} {
		if a.Value.String() != "" {
			attributes = append(attributes, a)
		}
	}
	if e.Trouble != nil {
		level = slog.LevelWarn
		attributes = append(attributes, slog.String("trouble", e.Trouble.Error()))
	}
	if e.failure != nil {
		level = slog.LevelWarn
		if e.failure.Status() >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		attributes = append(attributes, slog.String("error", e.failure.Error()))
	}
	log.LogAttrs(r.Context(), level, "request", attributes...)
}

// route is the pattern that matched: a closed set, unlike the path.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		return c.RoutePattern()
	}
	return "none"
}

// statusRecorder remembers the status for the event.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
