// Package consentui owns the pages that people see: their templates, style,
// texts and the headers that they are sent with. It decides nothing: a handler
// fills in one of the page structs and renders it. The pages work without
// JavaScript, and ask no other host for anything.
//
// The forms come back as POST. Those of the steps of signing in have request, the
// sealed pending request, and:
//
//	/login              username, password, remember (yes), passkeys (yes: the
//	                    browser can make one)
//	/login/identifier   username, remember (yes): the password is asked for next
//	/login/choose       account: the value of the one chosen
//	/login/forget       account: the value of the one who is not to be listed
//	/login/switch       the person wants to sign in, to another account
//	/login/passkey      answer: a passkey's
//	/login/factor       one of code, recovery_code, answer
//	/login/factor/new   one of code, answer
//	/login/passkey/new  one of answer, decision (later or never)
//	/login/continue     the person has seen what there was to see
//	/login/keep         decision (keep or delete)
//	/login/language     language
//	/sign-up/start      the person wants to create an account
//	/sign-up            name, email, password
//	/link/forgot, /link/sign-in   username: the person wants a mail
//	/link/ask           purpose, username: where to
//	/link/code          code: what was in the mail
//	/link/again, /link/change     to mail it again, or elsewhere
//	/consent            decision (allow or deny), choice (yes, if there is one),
//	                    scope: each of those ticked
//
// Those below /account have account, the person's id, and what their templates name.
// Where a page began something, carried brings it back. The others:
//
//	/link      token, app, password: what the link is for
//	/logout    request, decision (sign-out or stay)
//	/language  return, language: from a page that is no step
//
// The scripts are ECMAScript 5, so that they do not fail in an old browser.
package consentui

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

//go:embed templates static texts
var files embed.FS

// Options are what the pages are made with.
type Options struct {
	// Issuer is the provider's URL. Its host is shown on every page, so that people
	// can compare it with the address bar.
	Issuer *url.URL
	// Name is who people sign in with.
	Name string
	// Language is that of people who ask for none that there is; en if "".
	Language string
	// Theme is what the pages look like. Logo and LogoDark are image files to show
	// in place of our mark, Templates is a folder of files that replace ours of the
	// same names in templates/, texts/ and static/; each "" if there is none.
	Theme          Theme
	Logo, LogoDark string
	Templates      string
}

// Pages renders the pages. It is safe for concurrent use.
type Pages struct {
	host, name string
	origin     string // of our addresses
	secure     bool
	// files are ours under those that replace them, which over has alone.
	files, over fs.FS
	logo        brandLogo
	static      *static
	languages   *languages
	sheets      sheets
	letters     func() (*letters, error)
}

// New loads the texts and the static files. The templates are loaded as they are
// shown; a test renders each of them, so that a mistake does not show to somebody
// who wants to sign in.
func New(o Options) (*Pages, error) {
	p := &Pages{host: o.Issuer.Host, origin: o.Issuer.Scheme + "://" + o.Issuer.Host, secure: o.Issuer.Scheme == "https", name: o.Name, files: files}
	if err := p.replaceFiles(o.Templates); err != nil {
		return nil, err
	}
	var err error
	if p.static, err = loadStatic(p.files, o.Theme); err != nil {
		return nil, err
	}
	if p.languages, err = loadLanguages(cmp.Or(o.Language, "en"), files, p.over); err != nil {
		return nil, err
	}
	if p.logo.light, err = p.loadLogo(o.Logo); err != nil {
		return nil, err
	}
	if p.logo.dark, err = p.loadLogo(o.LogoDark); err != nil {
		return nil, err
	}
	p.letters = sync.OnceValues(func() (*letters, error) { return loadLetters(p.files) })
	if p.over != nil {
		return p, p.check()
	}
	return p, nil
}

func allPages() []Page {
	return append([]Page{
		Login{},
		Choose{},
		SignUp{},
		Consent{},
		Factor{},
		Enrol{},
		RecoveryCodes{},
		PasskeyOffer{},
		Error{},
		Expired{},
		FormPost{},
		SignOut{},
		SigningOut{},
		SignedOut{},
		StillSignedIn{},
		CheckSession{},
		Home{},
	}, slices.Concat(linkPages(), accountPages(), devPages())...)
}

// view is what layout.html is executed with.
type view struct {
	Page       Page
	Name, Host string
	Lang, Dir  string
	// Theme is light or dark, "" for the device's.
	Theme string
	Logo  brandLogo
	// ThemeSheet is the address of the application's theme, "" without one.
	ThemeSheet string
	// Switch is nil where the language cannot be changed without losing the page.
	Switch *languageSwitch

	texts *Texts
}

func (p *Pages) view(t *Texts, page Page) view {
	v := view{Page: page, Name: p.name, Host: p.host, Lang: t.Lang, Dir: t.Dir, Logo: p.logo, texts: t}
	if page, ok := page.(interface{ client() Client }); ok {
		v.ThemeSheet = page.client().Theme.path()
	}
	return v
}

// brandLogo is the provider's logo, for a light ground and for a dark one.
type brandLogo struct{ light, dark template.URL }

// Only is the one that is shown whatever the device is set to, "" if that decides.
func (l brandLogo) Only(theme string) template.URL {
	switch {
	case l.dark == "" || theme == "light":
		return l.light
	case l.light == "" || theme == "dark":
		return l.dark
	default:
		return ""
	}
}

// Light is for a light ground.
func (l brandLogo) Light() template.URL { return l.light }

// Dark is for a dark ground.
func (l brandLogo) Dark() template.URL { return l.dark }

func (p *Pages) execute(v view) (*bytes.Buffer, error) {
	name := v.Page.template()
	t, err := p.sheet(name, v.texts)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("render the page %s: %w", name, err)
	}
	return &b, nil
}

// Render answers the request with the page, in the language of who sent it. If it
// fails to execute, nothing has been sent.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, page Page) error {
	texts := p.negotiate(r, uiLocales(page))
	v := p.view(texts, page)
	v.Theme, v.Switch = p.theme(r), p.languageSwitch(r, page, texts)
	body, err := p.execute(v)
	if err != nil {
		return err
	}
	setHeaders(w.Header(), page, texts.Lang)
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		return fmt.Errorf("send the page %s: %w", page.template(), err)
	}
	return nil
}

// uiLocales are the languages that the application asked for.
func uiLocales(page Page) string {
	if s, ok := page.(interface{ uiLocales() string }); ok {
		return s.uiLocales()
	}
	return ""
}

// Static serves the style and the scripts of the pages below /static/.
func (p *Pages) Static() http.Handler { return p.static }
