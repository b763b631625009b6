package consentui

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func setHeaders(h http.Header, page Page, lang string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	if _, ok := page.(CheckSession); ok {
		// Any application may frame it: it shows nothing that could be clicked.
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; "+
			"form-action 'none'; frame-ancestors *; base-uri 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		return
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", lang)
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
		"img-src 'self' data:"+frames(page)+connections(page)+"; form-action 'self'"+formTarget(page.leadsTo())+
		"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", referrerPolicy(page))
	if page.leadsTo() == "" {
		// An application that signs people in in a popup needs its opener back.
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), camera=(), geolocation=(), microphone=()")
}

// connections returns the directive for the script of a page that asks something, after
// a semicolon, or "".
func connections(page Page) string {
	switch page.(type) {
	case SignUp, UseLink, AccountPassword: // how strong a password is
		return "; connect-src 'self'"
	}
	return ""
}

// frames returns the directive for the frames of a page that has any, after a
// semicolon, or "".
func frames(page Page) string {
	if _, ok := page.(DevMail); ok {
		return "; frame-src 'self'"
	}
	p, ok := page.(SigningOut)
	if !ok || len(p.FrameURIs) == 0 {
		return ""
	}
	sources := frameSources(p.FrameURIs, frameOrigin)
	if len(sources) > maxFrameSources {
		sources = frameSources(p.FrameURIs, frameScheme)
	}
	if len(sources) == 0 {
		return ""
	}
	return "; frame-src " + strings.Join(sources, " ")
}

// maxFrameSources keeps the header well below the 8 KB that proxies let through.
const maxFrameSources = 50

func frameSources(uris []string, source func(*url.URL) string) []string {
	var sources []string
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" {
			continue
		}
		if s := source(u); !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}

// plainHost is what the grammar of Content Security Policy knows as a host,
// which has no IPv6 addresses, and what cannot end the directive.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]{1,100}(:[0-9]{1,5})?$`)

// frameOrigin is the source expression for the URL's origin, or for its scheme
// if the origin cannot be said.
func frameOrigin(u *url.URL) string {
	if !plainHost.MatchString(u.Host) {
		return frameScheme(u)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

func frameScheme(u *url.URL) string { return u.Scheme + ":" }

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
