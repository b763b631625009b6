package web

import (
	"net/http"
	"net/url"
	"strings"
)

// MaxQuery is how long an encoded request may be, in bytes, so that a POST of it
// can be made a GET, and what a page carries of it be posted back.
const MaxQuery = 8 << 10

// WithQuery adds parameters to those that the address has.
func WithQuery(address string, parameters url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + parameters.Encode()
}

// SeeOther sends the browser on with a GET, [RFC 9700 §4.12], and no body that
// would repeat the address.
//
// [RFC 9700 §4.12]: https://www.rfc-editor.org/rfc/rfc9700#section-4.12
func SeeOther(w http.ResponseWriter, location string) {
	header := w.Header()
	header.Set("Location", location)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}
