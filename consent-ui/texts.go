package consentui

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"unicode"
)

// catalogue holds the texts of one language. Placeholders are written {name}.
type catalogue struct {
	Lang  string            `json:"lang"`
	Dir   string            `json:"dir"`
	Texts map[string]string `json:"texts"`
}

func loadTexts() (catalogue, error) {
	var c catalogue
	content, err := files.ReadFile("texts/en.json")
	if err != nil {
		return catalogue{}, fmt.Errorf("read the texts: %w", err)
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return catalogue{}, fmt.Errorf("parse the texts: %w", err)
	}
	return c, nil
}

// text returns the text with its placeholders replaced: pairs of name and value.
func (c catalogue) text(key string, pairs ...string) (string, error) {
	text, ok := c.Texts[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text, nil
}

// rich is text as HTML: the values stand out, and cannot turn the direction of
// the text around them.
func (c catalogue) rich(key string, pairs ...string) (template.HTML, error) {
	text, err := c.text(key)
	if err != nil {
		return "", err
	}
	text = template.HTMLEscapeString(text)
	for i := 0; i+1 < len(pairs); i += 2 {
		value := "<bdi>" + template.HTMLEscapeString(pairs[i+1]) + "</bdi>"
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", value)
	}
	return template.HTML(text), nil //nolint:gosec // both parts are escaped
}

// funcs are the functions of the templates.
func (p *Pages) funcs() template.FuncMap {
	return template.FuncMap{
		"t":        p.texts.text,
		"rich":     p.texts.rich,
		"asset":    p.static.path,
		"app":      p.appName,
		"describe": p.describe,
		"icon":     icon,
		"initials": initials,
		"leave":    leave,
		"logo":     logo,
		"name":     func() string { return productName },
		"web":      web,
	}
}

// appName is what the client is called in a sentence.
func (p *Pages) appName(c Client) (string, error) {
	if c.Name != "" {
		return c.Name, nil
	}
	if c.OwnAccount {
		return p.texts.text("app.account")
	}
	return p.texts.text("app.unnamed")
}

// describe returns what the scope allows, "" if only its name is known.
func (p *Pages) describe(s Scope) string {
	if s.Description != "" {
		return s.Description
	}
	return p.texts.Texts["scope."+s.Name]
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
	ours := strings.HasPrefix(c.LogoURI, "/") && !strings.HasPrefix(c.LogoURI, "//")
	if ours || strings.HasPrefix(c.LogoURI, "data:image/") {
		return template.URL(c.LogoURI) //nolint:gosec // neither leads anywhere else
	}
	return ""
}

// icon returns the picture of the tab. It is in the page, so that no request is
// spent on it.
func icon() (template.URL, error) {
	content, err := files.ReadFile("templates/icon.svg")
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
	ours := strings.HasPrefix(uri, "/") && !strings.HasPrefix(uri, "//") && !strings.HasPrefix(uri, `/\`)
	if ours || web(uri) != "" || found && privateScheme.MatchString(scheme) {
		return template.URL(uri) //nolint:gosec // none of them runs in this page
	}
	return ""
}

var privateScheme = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)

// web returns the address if it is one of the web, else "".
func web(uri string) string {
	if strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://") {
		return uri
	}
	return ""
}
