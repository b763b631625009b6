package consentui

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/language"
)

// Texts are the texts of one language, for the pages and for mails.
type Texts struct {
	// Lang is its tag, Name what it calls itself, and Dir the direction that it is
	// written in: ltr or rtl.
	Lang, Name, Dir string

	tag     language.Tag
	formats formats
	texts   map[string]string
}

// Text returns the text with its placeholders replaced: pairs of name and value.
func (t *Texts) Text(key string, pairs ...string) (string, error) {
	text, ok := t.texts[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	return replace(text, pairs, func(value string) string { return value }), nil
}

// rich is Text as HTML: the values stand out, and cannot turn the direction of the
// text around them.
func (t *Texts) rich(key string, pairs ...string) (template.HTML, error) {
	text, ok := t.texts[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	text = replace(template.HTMLEscapeString(text), pairs, func(value string) string {
		return "<bdi>" + template.HTMLEscapeString(value) + "</bdi>"
	})
	return template.HTML(text), nil //nolint:gosec // both parts are escaped
}

// replace replaces placeholders, but for those that a value brings along.
func replace(text string, pairs []string, show func(string) string) string {
	var oldnew []string
	for i := 0; i+1 < len(pairs); i += 2 {
		oldnew = append(oldnew, "{"+pairs[i]+"}", show(pairs[i+1]))
	}
	return strings.NewReplacer(oldnew...).Replace(text)
}

// funcs are the functions of the templates. They speak one language: each has a
// copy of every template that is shown in it.
func (p *Pages) funcs(t *Texts) template.FuncMap {
	return template.FuncMap{
		"t":        t.Text,
		"rich":     t.rich,
		"count":    t.Count,
		"number":   t.Number,
		"date":     t.dateElement,
		"datetime": t.dateTimeElement,
		"ago":      t.agoElement,
		"asset":    p.static.path,
		"app":      t.appName,
		"describe": t.describe,
		"device":   t.Device,
		"icon":     p.icon,
		"initials": initials,
		"leave":    leave,
		"logo":     logo,
		"name":     func() string { return p.name },
		"web":      web,
		"host":     host,

		"codesFile": codesFile,
		"event":     t.event,
		"languages": p.Languages,
	}
}

// appName is what the client is called in a sentence.
func (t *Texts) appName(c Client) (string, error) {
	if c.Name != "" {
		return c.Name, nil
	}
	if c.OwnAccount {
		return t.Text("app.account")
	}
	return t.Text("app.unnamed")
}

// describe returns what the scope allows, "" if only its name is known.
func (t *Texts) describe(s Scope) string {
	if s.Description != "" {
		return s.Description
	}
	return t.texts["scope."+s.Name]
}

// initials returns the first letters of up to two words, to stand for a picture.
func initials(name string) string {
	var letters []rune
	for word := range strings.FieldsSeq(name) {
		first := []rune(word)[0]
		if len(letters) < 2 && (unicode.IsLetter(first) || unicode.IsDigit(first)) {
			letters = append(letters, unicode.ToUpper(first))
		}
	}
	return string(letters)
}

// logo returns the address of the client's logo if the page may show it: a path
// of ours or a data: image, in which no script runs.
func logo(c Client) template.URL {
	if ours(c.LogoURI) || strings.HasPrefix(c.LogoURI, "data:image/") {
		return template.URL(c.LogoURI) //nolint:gosec // neither leads anywhere else
	}
	return ""
}

// icon returns the picture of the tab. It is in the page, so that no request is
// spent on it.
func (p *Pages) icon() (template.URL, error) {
	content, err := fs.ReadFile(p.files, "templates/icon.svg")
	if err != nil {
		return "", fmt.Errorf("read the icon: %w", err)
	}
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(content)), nil //nolint:gosec // it is ours
}

// leave returns the address if a page may go on to it by itself: a path of ours,
// the web, or a program with a scheme of its own, which has a dot in it, RFC 8252
// §7.1. No script is among them.
func leave(uri string) template.URL {
	if strings.ContainsFunc(uri, unicode.IsControl) {
		return "" // browsers leave some of them out, and read something else
	}
	scheme, _, found := strings.Cut(uri, ":")
	if ours(uri) || web(uri) != "" || found && privateScheme.MatchString(scheme) {
		return template.URL(uri) //nolint:gosec // none of them runs in this page
	}
	return ""
}

// ours reports whether the address is a path of ours, whatever a browser makes of it.
func ours(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") &&
		!strings.ContainsRune(address, '\\') && !strings.ContainsFunc(address, unicode.IsControl)
}

var privateScheme = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)

// host returns the host of an address of the web, else "".
func host(uri string) string {
	u, err := url.Parse(web(uri))
	if err != nil {
		return ""
	}
	return u.Host
}

// web returns the address if it is one of the web, else "".
func web(uri string) string {
	if strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://") {
		return uri
	}
	return ""
}

// codesFile is a file of recovery codes, a line each, as a link to save it by.
func codesFile(codes []string) template.URL {
	return template.URL("data:text/plain;charset=utf-8," + url.PathEscape(strings.Join(codes, "\n")+"\n")) //nolint:gosec // it is no page
}
