package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

// MaxBody is the most that a request may carry, in bytes.
const MaxBody = 64 << 10

// Form reads an application/x-www-form-urlencoded body of at most MaxBody bytes
// and returns its parameters. It refuses what [RFC 6749 §3.2] refuses: a
// parameter sent twice, other than those named as repeatable, and parameters
// in the URL. Parameters without a value count as absent.
//
// [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
func Form(r *http.Request, repeatable ...string) (url.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, oauth.Refuse(oauth.InvalidRequest, "parameters belong into the body, not into the URL")
	}
	encoded, err := Body(r)
	if err != nil {
		return nil, err
	}
	return Parameters(encoded, repeatable...)
}

// Body reads an application/x-www-form-urlencoded body as it is.
func Body(r *http.Request) (string, error) {
	body, err := Content(r, "application/x-www-form-urlencoded")
	return string(body), err
}

// Content reads a body of the media type, of at most MaxBody bytes.
func Content(r *http.Request, mediaType string) ([]byte, error) {
	sent, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || sent != mediaType {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the Content-Type must be "+mediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, oauth.Refuse(oauth.InvalidRequest, "the body is larger than 64 KiB")
		}
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body could not be read").Because(err)
	}
	return body, nil
}

// Malformed reports whether a parameter is no text: they are UTF-8,
// [RFC 6749 Appendix B], and no database keeps a NUL in a text.
//
// [RFC 6749 Appendix B]: https://www.rfc-editor.org/rfc/rfc6749#appendix-B
func Malformed(value string) bool {
	return !utf8.ValidString(value) || strings.ContainsRune(value, 0)
}

// Parameters parses an encoded body, or a query, under the rules of [Form].
func Parameters(encoded string, repeatable ...string) (url.Values, error) {
	form, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the parameters are not properly encoded").Because(err)
	}
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return nil, oauth.Refuse(oauth.InvalidRequest, "a parameter was sent more than once")
		}
		if slices.ContainsFunc(values, Malformed) {
			return nil, oauth.Refuse(oauth.InvalidRequest, "a parameter is not text in UTF-8")
		}
		if len(values) == 1 && values[0] == "" {
			delete(form, name)
		}
	}
	return form, nil
}
