package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// browser is a person's: it has cookies, follows redirects, and knows forms and
// frames. Scripts it knows none, like the suite's. It keeps to the part of the
// pages' content security policy that could come in the way.
type browser struct {
	t      *testing.T
	client *http.Client
	// framed are the cookies that a script can read in a frame on another site.
	framed map[string]bool
}

func newBrowser(t *testing.T, p *providertest.Provider) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, framed: map[string]bool{}, client: &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is where the browser is.
type page struct {
	// address has the fragment that it was reached with.
	address *url.URL
	status  int
	header  http.Header
	body    string
	root    *html.Node
}

// open goes to an address.
func (b *browser) open(address string) *page {
	b.t.Helper()
	return b.send(b.request(http.MethodGet, address, nil), nil)
}

func (b *browser) request(method, address string, form url.Values) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// send sends a request of a page and follows the redirects, as far as the
// page's policy lets it: Chromium applies form-action to them too.
func (b *browser) send(r *http.Request, from *page) *page {
	b.t.Helper()
	for range 10 {
		if from != nil && !from.allows("form-action", r.URL) {
			b.t.Fatalf("the policy of %s forbids a form to lead to %s", from.address, r.URL)
		}
		p := b.do(r)
		next := p.redirect()
		if next == nil {
			return p
		}
		if r.Method == http.MethodPost && p.status != http.StatusSeeOther && p.status != http.StatusFound {
			b.t.Fatalf("a form is answered with %d, which sends it on", p.status)
		}
		if next.Fragment == "" {
			next.Fragment = r.URL.Fragment
		}
		r = b.request(http.MethodGet, next.String(), nil)
	}
	b.t.Fatal("the redirects do not end")
	return nil
}

// sendFromAfar sends a form of another site, for which the browser leaves its
// cookies out, and follows the redirects.
func (b *browser) sendFromAfar(r *http.Request) *page {
	b.t.Helper()
	jar := b.client.Jar
	b.client.Jar = nil
	p := b.do(r)
	b.client.Jar = jar
	if next := p.redirect(); next != nil {
		return b.open(next.String())
	}
	return p
}

func (b *browser) do(r *http.Request) *page {
	b.t.Helper()
	res := providertest.Do(b.t, b.client, r)
	for _, c := range res.Cookies() {
		b.framed[c.Name] = !c.HttpOnly && c.Secure && c.SameSite == http.SameSiteNoneMode
	}
	root, err := html.ParseWithOptions(strings.NewReader(res.Body), html.ParseOptionEnableScripting(false))
	if err != nil {
		b.t.Fatal(err)
	}
	return &page{address: r.URL, status: res.StatusCode, header: res.Header, body: res.Body, root: root}
}

// redirect is where the response sends the browser, nil if it does not.
func (p *page) redirect() *url.URL {
	location := p.header.Get("Location")
	if p.status < 300 || p.status > 399 || location == "" {
		return nil
	}
	next, err := p.address.Parse(location)
	if err != nil {
		return nil
	}
	return next
}

// form is a form of a page.
type form struct {
	page   *page
	method string
	action *url.URL
	// fields are what is filled in already.
	fields url.Values
	// types are the types of the fields, buttons the values of its buttons by
	// their names.
	types   map[string]string
	buttons map[string][]string
}

// forms returns the forms of the page.
func (p *page) forms() []*form {
	var all []*form
	for n := range p.elements("form") {
		action, err := p.address.Parse(attribute(n, "action"))
		if err != nil {
			continue
		}
		f := &form{
			page: p, method: strings.ToUpper(attribute(n, "method")), action: action,
			fields: url.Values{}, types: map[string]string{}, buttons: map[string][]string{},
		}
		for field := range n.Descendants() {
			f.add(field)
		}
		all = append(all, f)
	}
	return all
}

func (f *form) add(n *html.Node) {
	name, value, kind := attribute(n, "name"), attribute(n, "value"), attribute(n, "type")
	switch {
	case n.Type != html.ElementNode || name == "":
	case n.Data == "button" || n.Data == "input" && kind == "submit":
		f.buttons[name] = append(f.buttons[name], value)
	case n.Data == "input" && (kind == "checkbox" || kind == "radio"):
		if hasAttribute(n, "checked") {
			f.fields.Add(name, value)
		}
	case n.Data == "input":
		f.fields.Add(name, value)
		f.types[name] = kind
	}
}

// form returns the form that has the field or button, nil if there is none.
func (p *page) form(name string) *form {
	for _, f := range p.forms() {
		if f.fields.Has(name) || f.buttons[name] != nil {
			return f
		}
	}
	return nil
}

// submit sends the form with some fields filled in, or a button pressed.
func (b *browser) submit(f *form, values ...string) *page {
	b.t.Helper()
	fields := maps.Clone(f.fields)
	for i := 0; i < len(values); i += 2 {
		fields.Set(values[i], values[i+1])
	}
	if f.method != http.MethodPost {
		address := *f.action
		address.RawQuery = fields.Encode()
		return b.send(b.request(http.MethodGet, address.String(), nil), f.page)
	}
	r := b.request(http.MethodPost, f.action.String(), fields)
	r.Header.Set("Origin", f.page.address.Scheme+"://"+f.page.address.Host)
	return b.send(r, f.page)
}

// elements are the elements of the page with a name.
func (p *page) elements(name string) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		for n := range p.root.Descendants() {
			if n.Type == html.ElementNode && n.Data == name && !yield(n) {
				return
			}
		}
	}
}

// addresses are where the elements with a name lead, by an attribute.
func (p *page) addresses(element, attributeName string) []string {
	var all []string
	for n := range p.elements(element) {
		if address, err := p.address.Parse(attribute(n, attributeName)); err == nil {
			all = append(all, address.String())
		}
	}
	return all
}

// refresh is where the page goes by itself, nil if it stays.
func (p *page) refresh() *url.URL {
	for n := range p.elements("meta") {
		if !strings.EqualFold(attribute(n, "http-equiv"), "refresh") {
			continue
		}
		_, target, _ := strings.Cut(attribute(n, "content"), "url=")
		if next, err := p.address.Parse(target); err == nil {
			return next
		}
	}
	return nil
}

// loadFrames loads the frames of the page, as its policy lets it.
func (b *browser) loadFrames(p *page) {
	b.t.Helper()
	for _, address := range p.addresses("iframe", "src") {
		u, err := url.Parse(address)
		if err != nil || !p.allows("frame-src", u) {
			b.t.Errorf("the policy of %s forbids a frame of %s", p.address, address)
			continue
		}
		b.open(address)
	}
}

// heading is the text of the page's first heading, for messages.
func (p *page) heading() string {
	for n := range p.elements("h1") {
		return strings.TrimSpace(text(n))
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// allows reports whether the page's content security policy has the address
// among the sources of a directive. Without one, default-src says what can be
// loaded, and forms may lead anywhere.
func (p *page) allows(directive string, address *url.URL) bool {
	directives := map[string][]string{}
	for policy := range strings.SplitSeq(p.header.Get("Content-Security-Policy"), ";") {
		if fields := strings.Fields(policy); len(fields) > 0 {
			directives[fields[0]] = fields[1:]
		}
	}
	sources, ok := directives[directive]
	if !ok && directive != "form-action" {
		sources, ok = directives["default-src"]
	}
	return !ok || slices.ContainsFunc(sources, func(source string) bool { return p.matches(source, address) })
}

// matches is the part of CSP's matching of sources that our pages need.
func (p *page) matches(source string, address *url.URL) bool {
	if source == "'self'" {
		return address.Scheme == p.address.Scheme && address.Host == p.address.Host
	}
	if scheme, ok := strings.CutSuffix(source, ":"); ok {
		return address.Scheme == scheme
	}
	u, err := url.Parse(source)
	return err == nil && u.Scheme == address.Scheme && u.Host == address.Host
}
