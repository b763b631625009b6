package web

import "net/http"

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
