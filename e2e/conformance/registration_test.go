package conformance

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"time"
)

func registrationModules() []module {
	return []module{
		{"oidcc-ensure-redirect-uri-in-authorization-request", "D", redirectURINeeded},
		{"oidcc-redirect-uri-query-OK", "D", redirectURIWithQuery},
		{"oidcc-redirect-uri-query-mismatch", "D", redirectURIWithOtherQuery},
		{"oidcc-redirect-uri-query-added", "D", redirectURIWithAddedQuery},
		{"oidcc-redirect-uri-regfrag", "D", redirectURIWithFragment},
		{"oidcc-registration-logo-uri", "D", logo},
		{"oidcc-registration-policy-uri", "D", linkTo("policy_uri")},
		{"oidcc-registration-tos-uri", "D", linkTo("tos_uri")},
		{"oidcc-registration-jwks-uri", "D", keysOfClient},
		{"oidcc-registration-sector-uri", "D", sector},
		{"oidcc-registration-sector-bad", "D", sectorBad},
		{"oidcc-refresh-token-rp-key-rotation", "D", keysOfClientRotate},
		{"oidcc-ensure-client-assertion-with-iss-aud-succeeds", "D", assertionForIssuer},
	}
}

func redirectURINeeded(r *run) {
	c := r.register(map[string]any{"redirect_uris": []string{r.rp.url("callback"), r.rp.url("callback2")}})
	c.authorize(c.request("redirect_uri", "")).stays()
}

func redirectURIWithQuery(r *run) {
	uri := r.rp.url("callback") + "?foo=bar"
	r.register(map[string]any{"redirect_uris": []string{uri}}).signIn("redirect_uri", uri)
}

func redirectURIWithOtherQuery(r *run) {
	c := r.register(map[string]any{"redirect_uris": []string{r.rp.url("callback") + "?foo=bar"}})
	c.authorize(c.request("redirect_uri", r.rp.url("callback")+"?bar=foo")).stays()
}

func redirectURIWithAddedQuery(r *run) {
	c := r.register(nil)
	c.authorize(c.request("redirect_uri", r.rp.url("callback")+"?foo=bar")).stays()
}

func redirectURIWithFragment(r *run) {
	code := r.refusedRegistration(map[string]any{"redirect_uris": []string{r.rp.url("callback") + "#foobar"}})
	if code != "invalid_redirect_uri" && code != "invalid_client_metadata" {
		r.Errorf("the error is %s", code)
	}
}

func logo(r *run) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		r.Fatal(err)
	}
	c := r.register(map[string]any{"logo_uri": r.rp.serve("logo.png", "image/png", picture.String())})
	v := c.authorize(c.request())
	shown := slices.ContainsFunc(v.login().addresses("img", "src"), func(address string) bool {
		return r.shows(v.login(), address, picture.String())
	})
	if !shown {
		r.Error("the page does not show the logo")
	}
}

// shows reports whether the page can show the picture from the address.
func (r *run) shows(p *page, address, picture string) bool {
	r.Helper()
	u, err := url.Parse(address)
	if err != nil {
		r.Fatal(err)
	}
	if data, ok := dataURL(address); ok {
		return data == picture
	}
	image := r.browser.open(address)
	return p.allows("img-src", u) && image.status == http.StatusOK && image.body == picture
}

func dataURL(address string) (string, bool) {
	const prefix = "data:image/png;base64,"
	if len(address) < len(prefix) || address[:len(prefix)] != prefix {
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(address[len(prefix):])
	return string(data), err == nil
}

// linkTo is a module whose client registers a page of its own, to which the
// sign-in page leads.
func linkTo(member string) func(*run) {
	return func(r *run) {
		address := r.rp.url(member)
		c := r.register(map[string]any{member: address})
		v := c.authorize(c.request())
		if links := v.login().addresses("a", "href"); !slices.Contains(links, address) {
			r.Errorf("the page links to %v", links)
		}
	}
}

// registerKeys registers a client whose keys are at its place.
func (r *run) registerKeys(changes map[string]any) *client {
	r.Helper()
	changes["jwks"], changes["jwks_uri"] = nil, r.rp.serveJSON(r, "jwks", jwks(key(), "first"))
	c := r.register(changes)
	c.kid = "first"
	return c
}

func keysOfClient(r *run) {
	if !r.has("code") {
		return
	}
	r.registerKeys(map[string]any{}).signIn()
	if len(r.rp.received("jwks")) == 0 {
		r.Error("the keys were not fetched")
	}
}

// A minute passes, so that the provider may fetch the keys again.
func keysOfClientRotate(r *run) {
	if !r.has("code") {
		return
	}
	r.ownProvider()
	r.scope = "openid offline_access"
	grants, _ := r.document(nil)["grant_types"].([]string)
	c := r.registerKeys(map[string]any{"grant_types": append(grants, "refresh_token")})
	g := c.signIn("prompt", "consent")
	c.key, c.kid = newKey(), "second"
	r.rp.serveJSON(r, "jwks", jwks(c.key, c.kid))
	r.op.Clock.Advance(time.Minute)
	g.refresh()
}

// OpenID Connect Dynamic Client Registration §5; the sub is the sector's alone.
func sector(r *run) {
	if !slices.Contains(r.listed("subject_types_supported"), "pairwise") {
		r.Fatal("subject_types_supported does not list pairwise")
	}
	public := r.register(nil).signIn()
	pairwise := r.register(map[string]any{
		"subject_type":          "pairwise",
		"sector_identifier_uri": r.rp.serveJSON(r, "redirect_uris.json", []string{r.rp.url("callback")}),
	}).signIn()
	if public.idToken().claims["sub"] == pairwise.idToken().claims["sub"] {
		r.Error("sub is the same as that of others")
	}
}

func sectorBad(r *run) {
	code := r.refusedRegistration(map[string]any{
		"subject_type":          "pairwise",
		"sector_identifier_uri": r.rp.serveJSON(r, "redirect_uris.json", []string{r.rp.url("another")}),
	})
	if code != "invalid_client_metadata" {
		r.Errorf("the error is %s", code)
	}
	if len(r.rp.received("redirect_uris.json")) == 0 {
		r.Error("the document was not fetched")
	}
}

func assertionForIssuer(r *run) {
	if !r.has("code") {
		return
	}
	c := r.register(nil)
	g := c.authorize(c.request()).authorized()
	if res := c.tokenFor(g.codeForm(), r.op.URL); res.StatusCode != http.StatusOK {
		r.Errorf("the token endpoint answers %d, %s", res.StatusCode, res.Body)
	}
}
