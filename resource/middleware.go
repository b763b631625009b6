package resource

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter is what clients are told while the issuer cannot be reached.
const retryAfter = 5 * time.Second

type contextKey struct{}

// FromContext returns the token that [Verifier.Require] accepted.
func FromContext(ctx context.Context) (*Token, bool) {
	t, ok := ctx.Value(contextKey{}).(*Token)
	return t, ok
}

// Require returns a middleware that lets requests through which carry a token
// for this API with all of the scopes, and puts the token into their context.
// It takes the token from the Authorization header only.
//
// Others get the answers of [RFC 6750 §3]: 401, 403, or 400 for a malformed
// header. While the issuer's keys cannot be had the answer is 503.
//
// [RFC 6750 §3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
func (v *Verifier) Require(scopes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := v.admit(r, scopes)
			if err != nil {
				v.refuse(w, err, scopes)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, token)))
		})
	}
}

// The requests that are refused for something other than their token.
var (
	errNoToken = errors.New("an access token is required")
	errHeader  = errors.New("the Authorization header is malformed")
	errScope   = errors.New("the access token lacks a scope")
)

// admit returns the token of the request.
func (v *Verifier) admit(r *http.Request, scopes []string) (*Token, error) {
	raw, err := bearer(r.Header)
	if err != nil {
		return nil, err
	}
	token, err := v.Verify(r.Context(), raw)
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		if !token.HasScope(scope) {
			return nil, errScope
		}
	}
	return token, nil
}

// bearer returns the token of the header, [RFC 6750 §2.1].
//
// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func bearer(h http.Header) (string, error) {
	if len(h.Values("Authorization")) > 1 {
		return "", errHeader
	}
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	token = strings.TrimLeft(token, " ")
	if token == "" || strings.ContainsAny(token, " ,") {
		return "", errHeader
	}
	return token, nil
}

// answer is how a refusal looks outside.
type answer struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func answerTo(err error) answer {
	reason, refused := errors.AsType[refusal](err)
	switch {
	case refused:
		return answer{http.StatusUnauthorized, "invalid_token", string(reason)}
	case errors.Is(err, errNoToken):
		return answer{http.StatusUnauthorized, "unauthorized", err.Error()}
	case errors.Is(err, errHeader):
		return answer{http.StatusBadRequest, "invalid_request", err.Error()}
	case errors.Is(err, errScope):
		return answer{http.StatusForbidden, "insufficient_scope", err.Error()}
	default:
		return answer{http.StatusServiceUnavailable, "temporarily_unavailable", "the access token cannot be checked now"}
	}
}

func (v *Verifier) refuse(w http.ResponseWriter, err error, scopes []string) {
	a, header := answerTo(err), w.Header()
	if a.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	} else {
		header.Set("WWW-Authenticate", v.challenge(a, errors.Is(err, errNoToken), scopes))
	}
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a) //nolint:errchkjson // two strings, and the client may have gone
}

// challenge returns a WWW-Authenticate value. Who sent no token at all is not
// told of an error, RFC 6750 §3.1.
func (v *Verifier) challenge(a answer, first bool, scopes []string) string {
	c := `Bearer realm=` + quoted(v.audience)
	if !first {
		c += `, error=` + quoted(a.Code) + `, error_description=` + quoted(a.Description)
	}
	if len(scopes) > 0 && a.status != http.StatusBadRequest {
		c += `, scope=` + quoted(strings.Join(scopes, " "))
	}
	return c
}

// quoted returns a quoted-string, RFC 9110 §5.6.4.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
