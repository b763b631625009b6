package consentui

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// A text that is missing would fail the page in the branch that needs it; one
// that nothing uses would be translated for nothing.
func TestTextsAreThoseThatTemplatesUse(t *testing.T) {
	t.Parallel()
	texts, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"app.unnamed": true} // in Go
	key := regexp.MustCompile(`"([a-z]+[A-Za-z]*\.[a-zA-Z]+)"`)
	err = fs.WalkDir(files, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		for _, match := range key.FindAllSubmatch(content, -1) {
			used[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range used {
		if _, ok := texts.Texts[name]; !ok && !isFile(name) {
			t.Errorf("no text %q", name)
		}
	}
	for name := range texts.Texts {
		if !used[name] && !strings.HasPrefix(name, "scope.") {
			t.Errorf("no template uses the text %q", name)
		}
	}
}

func isFile(name string) bool {
	found, err := fs.Glob(files, "*/"+name)
	return err == nil && len(found) > 0
}

// OpenID Connect Core §5.4 and §11.
func TestStandardScopesAreDescribed(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, name := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		if p.describe(Scope{Name: name}) == "" {
			t.Errorf("no description of %s", name)
		}
	}
	if got := p.describe(Scope{Name: "email", Description: "Write you letters"}); got != "Write you letters" {
		t.Errorf("the registered description gives way to %q", got)
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "", "acme": "A", "Ada King Lovelace": "AK", "élan  vital": "ÉV", "«x» 2 go": "2G", "\xff": "",
	} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q, want %q", name, got, want)
		}
	}
}

// RFC 8252 §7.1: a program's own scheme has a dot, and no scheme that means
// something to the browser has one.
func TestPagesGoOnToNoScript(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]bool{
		"/logout":                      true,
		"https://app.example/bye?a=b":  true,
		"http://localhost:3000/bye":    true,
		"com.example.app:/bye":         true,
		"":                             false,
		"logout":                       false,
		"//evil.example":               false,
		`/\evil.example`:               false,
		"/\t/evil.example":             false,
		"javascript:alert(1)":          false,
		"JavaScript:alert(1)//a.b":     false,
		"data:text/html,<script>":      false,
		" javascript:alert(1)":         false,
		"java\nscript:alert(1)":        false,
		"com.example.app\n:/bye":       false,
		"com..app:/bye":                false,
		"com.example.app":              false,
		"blob:https://app.example/1.2": false,
	} {
		if got := string(leave(uri)); (got != "") != want {
			t.Errorf("leave(%q) = %q", uri, got)
		}
	}
}
