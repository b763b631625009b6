package web

import "net/http"

// NoStore keeps every answer out of caches, as [RFC 6749 §5.1] asks of those
// that can hold a token.
//
// [RFC 6749 §5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
func NoStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = []string{"no-store"}
		w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
		next.ServeHTTP(w, r)
	})
}

// Preflight answers the question that a browser asks before a script of another
// origin may call an endpoint. Which origins get to read the answer is decided
// when the client is known, see [AllowOrigin]; the question names none.
func Preflight(w http.ResponseWriter, r *http.Request) {
	AllowOrigin(w, r.Header.Get("Origin"))
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
}

// AllowOrigin lets scripts of the origin read the answer. Credentials are
// allowed since some clients insist on sending them: no endpoint with CORS
// looks at a cookie.
func AllowOrigin(w http.ResponseWriter, origin string) {
	if origin == "" {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, X-Request-Id")
}

// AnyOrigin lets every script read what is public.
func AnyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Access-Control-Allow-Origin"] = []string{"*"}
		next.ServeHTTP(w, r)
	})
}
