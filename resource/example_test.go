package resource_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gatelodge/gatelodge/resource"
)

// An API with one route that needs a token with the scope notes.read.
func Example() {
	verifier, err := resource.New(resource.Config{
		Issuer:   "https://login.example",
		Audience: "https://notes.example",
	})
	if err != nil {
		log.Fatal(err)
	}
	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := resource.FromContext(r.Context())
		_, _ = fmt.Fprintf(w, "the notes of %s\n", token.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /notes", verifier.Require("notes.read")(notes))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/notes", nil))
	fmt.Println(w.Code)
	fmt.Println(w.Header().Get("WWW-Authenticate"))
	// Output:
	// 401
	// Bearer realm="https://notes.example", scope="notes.read"
}
