// Package consentui owns the pages that people see: their templates, style,
// texts and the headers that they are sent with. It decides nothing: a handler
// fills in one of the page structs and renders it. The pages work without
// JavaScript, and ask no other host for anything.
//
// The forms come back as POST:
//
//	/login          request, username, password
//	/login/choose   request, account: the value of the one chosen
//	/login/switch   request: the person wants to sign in, to another account
//	/sign-up/start  request: the person wants to create an account
//	/sign-up        request, name, email, password
//	/consent        request, decision (allow or deny)
//	/logout         request, decision (sign-out or stay)
//
// The scripts are ECMAScript 5, so that they do not fail in an old browser.
package consentui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed templates static texts
var files embed.FS

// productName is who people sign in with.
const productName = "Gatelodge"

// Pages renders the pages. It is safe for concurrent use.
type Pages struct {
	host      string
	static    *static
	texts     catalogue
	templates map[string]*template.Template
}

// New parses the templates, and renders each page once, so that a mistake shows
// at start and not to somebody who wants to sign in. The host is the issuer's,
// shown on every page so that people can compare it with the address bar.
func New(host string) (*Pages, error) {
	p := &Pages{host: host, templates: map[string]*template.Template{}}
	var err error
	if p.static, err = loadStatic(); err != nil {
		return nil, err
	}
	if p.texts, err = loadTexts(); err != nil {
		return nil, err
	}
	for _, page := range allPages() {
		if err := p.load(page); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func allPages() []Page {
	return []Page{
		Login{},
		Choose{},
		SignUp{},
		Consent{},
		Error{},
		Expired{},
		FormPost{},
		SignOut{},
		SigningOut{},
		SignedOut{},
		StillSignedIn{},
		CheckSession{},
		Home{},
	}
}

// load parses a page's template. What it defines replaces what the layout does,
// down to the layout itself.
func (p *Pages) load(page Page) error {
	t := template.New("layout.html").Funcs(p.funcs())
	name := page.template()
	if _, err := t.ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name); err != nil {
		return fmt.Errorf("parse the page %s: %w", name, err)
	}
	p.templates[name] = t
	_, err := p.execute(page)
	return err
}

// view is what layout.html is executed with.
type view struct {
	Page       Page
	Name, Host string
	Lang, Dir  string
}

func (p *Pages) execute(page Page) (*bytes.Buffer, error) {
	var b bytes.Buffer
	v := view{Page: page, Name: productName, Host: p.host, Lang: p.texts.Lang, Dir: p.texts.Dir}
	if err := p.templates[page.template()].Execute(&b, v); err != nil {
		return nil, fmt.Errorf("render the page %s: %w", page.template(), err)
	}
	return &b, nil
}

// Render answers the request with the page. If it fails to execute, nothing has been sent.
func (p *Pages) Render(w http.ResponseWriter, _ *http.Request, status int, page Page) error {
	body, err := p.execute(page)
	if err != nil {
		return err
	}
	setHeaders(w.Header(), page)
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		return fmt.Errorf("send the page %s: %w", page.template(), err)
	}
	return nil
}

// Static serves the style and the scripts of the pages below /static/.
func (p *Pages) Static() http.Handler { return p.static }
