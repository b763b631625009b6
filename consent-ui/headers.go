package consentui

import (
	"net/http"
	"net/url"
)

func setHeaders(h http.Header, page Page) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
		"img-src 'self' data:; form-action 'self'"+formTarget(page.leadsTo())+
		"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", referrerPolicy(page))
	if page.leadsTo() == "" {
		// An application that signs people in in a popup needs its opener back.
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), camera=(), geolocation=(), microphone=()")
	h.Set("X-Robots-Tag", "noindex")
}

// referrerPolicy keeps our addresses from everybody else. Under no-referrer our
// own forms would come back with Origin: null; under same-origin the form_post
// answer would reach the application so, which may check the origin.
func referrerPolicy(page Page) string {
	if _, ok := page.(FormPost); ok {
		return "strict-origin"
	}
	return "same-origin"
}

// formTarget returns the source expressions for the redirect URI, after a space,
// or "". Chromium applies form-action to all the redirects that follow a form, so
// that 'self' alone would stop people on their way back to the application, and
// the application's own origin those whose application sends them on to another.
func formTarget(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Scheme == "http":
		return " http: https:"
	default:
		return " " + u.Scheme + ":"
	}
}
