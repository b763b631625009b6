// Package logo owns the logos of clients as the pages show them: at an address of
// ours, so that nobody's browser tells the client's server who signs in where. It
// does not own how they are fetched, which is provider/outbound's.
package logo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// Handler serves logos.
type Handler struct {
	Directory *client.Directory
	Calls     *outbound.Client
}

const prefix = "/logo/"

// Routes registers GET /logo/{client_id}, the id escaped as one segment.
func (h *Handler) Routes(r chi.Router) {
	serve := web.Handle(notFound, h.logo)
	r.Get(prefix+"*", serve)
	r.Head(prefix+"*", serve)
}

// errNone is why there is nothing to show.
var errNone = errors.New("the client has no logo, or there is no such client")

// logo serves what is at the client's logo_uri, if it is an image.
func (h *Handler) logo(w http.ResponseWriter, r *http.Request) error {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), prefix))
	if err != nil {
		return absent(errNone)
	}
	state, err := h.Directory.ReadDespiteOutage(r.Context(), storage.Wanted{ClientID: id})
	if err != nil {
		return oauth.Unavailable(err)
	}
	if state.Client == nil || state.Client.Metadata.LogoURI == "" {
		return absent(errNone)
	}
	web.EventOf(r.Context()).ClientID = id
	image, err := h.Calls.Get(r.Context(), state.Client.Metadata.LogoURI)
	if err != nil {
		return absent(err)
	}
	kind, err := kindOf(image)
	if err != nil {
		return absent(err)
	}
	show(w, r, image.Body, kind)
	return nil
}

// show serves the image. An SVG can have scripts in it: as an image they do not
// run, and opened by itself it may do nothing and has no origin.
func show(w http.ResponseWriter, r *http.Request, image []byte, kind string) {
	sum := sha256.Sum256(image)
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "public, max-age=3600")
	header.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(image))
}

// absent is an answer without a logo; the reason is logged.
func absent(why error) error {
	return oauth.Refuse(oauth.InvalidRequest, "there is no such logo").Because(why)
}

// notFound presents it: the page shows the client's initials instead.
func notFound(w http.ResponseWriter, _ *http.Request, e *oauth.Error) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	web.Outage(w, e)
	if e.Code == oauth.InvalidRequest {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(e.Status())
}

const svg = "image/svg+xml"

// kindOf returns the media type of an image that is what its server says.
func kindOf(d outbound.Document) (string, error) {
	declared, _, err := mime.ParseMediaType(d.ContentType)
	if err != nil {
		return "", errors.New("the logo has no Content-Type")
	}
	if declared == "image/jpg" { // a common slip
		declared = "image/jpeg"
	}
	switch declared {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		if http.DetectContentType(d.Body) == declared {
			return declared, nil
		}
	case svg:
		if isSVG(d.Body) {
			return svg, nil
		}
	default:
		return "", errors.New("the logo is not a PNG, JPEG, GIF, WebP or SVG image")
	}
	return "", fmt.Errorf("the logo is not the %s that its server says", declared)
}

// isSVG reports whether it is XML whose root is svg.
func isSVG(body []byte) bool {
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.RawToken()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name.Local == "svg"
		}
	}
}
