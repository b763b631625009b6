package consentui

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// languageCookie remembers the language that somebody has chosen.
const languageCookie = "gatelodge-language"

// languages are the languages that the pages speak, the default first.
type languages struct {
	all     []*Texts
	matcher language.Matcher
}

// loadLanguages reads the catalogues. What one lacks it has from the default.
func loadLanguages(preferred string, layers ...fs.FS) (*languages, error) {
	l := &languages{}
	for _, files := range layers {
		if err := l.load(files); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(l.all, func(t *Texts) bool { return t.Lang == preferred })
	if i < 0 {
		return nil, fmt.Errorf("languages.default: there are no texts in the language %q", preferred)
	}
	first := l.all[i]
	l.all = slices.Insert(slices.Delete(l.all, i, i+1), 0, first)
	tags := make([]language.Tag, len(l.all))
	for i, t := range l.all {
		tags[i] = t.tag
		t.texts = withDefaults(t.texts, first.texts)
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// load adds the catalogues of the folder. One in a language that there is already
// replaces those of its texts that it has.
func (l *languages) load(files fs.FS) error {
	if files == nil {
		return nil
	}
	names, err := fs.Glob(files, "texts/*.json")
	if err != nil {
		return fmt.Errorf("list the texts: %w", err)
	}
	for _, name := range names {
		t, err := loadTexts(files, name)
		if err != nil {
			return err
		}
		if there := l.named(t.Lang); there != nil {
			maps.Copy(there.texts, t.texts)
			continue
		}
		if len(t.formats.Months) != 12 {
			return fmt.Errorf("the texts in %s name %d months", name, len(t.formats.Months))
		}
		l.all = append(l.all, t)
	}
	return nil
}

func withDefaults(texts, defaults map[string]string) map[string]string {
	all := maps.Clone(defaults)
	maps.Copy(all, texts)
	return all
}

// catalogue is what a file of texts/ holds. Placeholders are written {name}. A
// text with a number in it has a form for each of the language's plurals, its key
// followed by #one, #other and so on: [Unicode CLDR plural rules].
//
// [Unicode CLDR plural rules]: https://cldr.unicode.org/index/cldr-spec/plural-rules
type catalogue struct {
	Lang    string            `json:"lang"`
	Name    string            `json:"name"`
	Dir     string            `json:"dir"`
	Formats formats           `json:"formats"`
	Texts   map[string]string `json:"texts"`
}

func loadTexts(files fs.FS, name string) (*Texts, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read the texts: %w", err)
	}
	var c catalogue
	if err := json.Unmarshal(content, &c); err != nil {
		return nil, fmt.Errorf("parse the texts in %s: %w", name, err)
	}
	if lang := strings.TrimSuffix(path.Base(name), ".json"); c.Lang != lang {
		return nil, fmt.Errorf("the texts in %s say that they are in the language %q", name, c.Lang)
	}
	tag, err := language.Parse(c.Lang)
	if err != nil {
		return nil, fmt.Errorf("the language of %s: %w", name, err)
	}
	return &Texts{Lang: c.Lang, Name: c.Name, Dir: c.Dir, tag: tag, formats: c.Formats, texts: c.Texts}, nil
}

// match returns the texts in the first of the languages that we speak, each a tag
// or a list as Accept-Language has it; else in the default one.
func (l *languages) match(wishes ...string) *Texts {
	_, i := language.MatchStrings(l.matcher, wishes...)
	return l.all[i]
}

// named returns the texts in the very language, nil if there are none.
func (l *languages) named(lang string) *Texts {
	i := slices.IndexFunc(l.all, func(t *Texts) bool { return t.Lang == lang })
	if i < 0 {
		return nil
	}
	return l.all[i]
}

// Texts returns the texts in the language that suits best: the first of those
// named, each a tag of [BCP 47], that we speak, or the default one.
//
// [BCP 47]: https://www.rfc-editor.org/info/bcp47
func (p *Pages) Texts(lang ...string) *Texts { return p.languages.match(lang...) }

// Languages returns the languages that the pages speak, the default first.
func (p *Pages) Languages() []*Texts { return slices.Clone(p.languages.all) }

// TextsFor returns the texts in the language of who sent the request: the one that
// they have chosen, or else that of their browser.
func (p *Pages) TextsFor(r *http.Request) *Texts { return p.negotiate(r, "") }

// negotiate finds the language of a page: what the application asked for, what the
// person has chosen, what their browser prefers.
func (p *Pages) negotiate(r *http.Request, uiLocales string) *Texts {
	chosen := ""
	if t := p.languages.named(p.preference(r, languageCookie)); t != nil {
		chosen = t.Lang
	}
	// ui_locales are separated by spaces, OpenID Connect Core §3.1.2.1.
	asked := strings.Join(strings.Fields(uiLocales), ",")
	return p.languages.match(asked, chosen, r.Header.Get("Accept-Language"))
}

// RememberLanguage has the browser remember the language, if it is one of ours, and
// reports whether it is.
func (p *Pages) RememberLanguage(w http.ResponseWriter, lang string) bool {
	if p.languages.named(lang) == nil {
		return false
	}
	p.remember(w, languageCookie, lang)
	return true
}

// LanguagePath and StepLanguagePath are where the language is chosen: on a page that
// can be asked for again, and on one that a pending request waits in.
const (
	LanguagePath     = "/language"
	StepLanguagePath = "/login/language"
)

// languageSwitch is the form at the foot of a page.
type languageSwitch struct {
	// Name is the language that the page is in, Others are those that it could be.
	Name   string
	Others []*Texts
	Action string
	// Field and Value lead back to the page.
	Field, Value string
}

func (p *Pages) languageSwitch(r *http.Request, page Page, texts *Texts) *languageSwitch {
	s := &languageSwitch{Name: texts.Name, Others: p.languages.except(texts)}
	if len(s.Others) == 0 {
		return nil
	}
	switch page := page.(type) {
	case FormPost, SigningOut, Error, RecoveryCodes: // on their way already, or shown once
		return nil
	case interface{ request() string }:
		s.Action, s.Field, s.Value = StepLanguagePath, "request", page.request()
		return s
	}
	if r.Method != http.MethodGet || !ours(r.URL.RequestURI()) {
		return nil
	}
	s.Action, s.Field, s.Value = LanguagePath, "return", r.URL.RequestURI()
	return s
}

func (l *languages) except(one *Texts) []*Texts {
	return slices.DeleteFunc(slices.Clone(l.all), func(t *Texts) bool { return t == one })
}

// Return is where a page that is no step is asked for again: the address that it had
// sent along, if that is a path of ours.
func Return(address string) string {
	if !ours(address) {
		return "/"
	}
	return address
}

// ForgetLanguage has the browser speak for itself again.
func (p *Pages) ForgetLanguage(w http.ResponseWriter) { p.remember(w, languageCookie, "") }

// preferenceLifetime is what browsers keep a cookie for at most.
const preferenceLifetime = 400 * 24 * time.Hour

// remember sets a cookie about how pages look. Nothing depends on who sends it.
func (p *Pages) remember(w http.ResponseWriter, name, value string) {
	cookie := &http.Cookie{ //nolint:gosec // Secure wherever the issuer is https
		Name: p.cookieName(name), Value: value, Path: "/", MaxAge: int(preferenceLifetime.Seconds()),
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

func (p *Pages) preference(r *http.Request, name string) string {
	cookie, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// cookieName is the name of the cookie, for this very host where browsers can be
// told so.
func (p *Pages) cookieName(name string) string {
	if p.secure {
		return "__Host-" + name
	}
	return name
}
