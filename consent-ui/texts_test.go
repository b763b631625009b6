package consentui

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A text that is missing would fail the page in the branch that needs it; one
// that nothing uses would be translated for nothing.
func TestTextsAreThoseThatAreUsed(t *testing.T) {
	t.Parallel()
	texts := newPages(t).Texts().texts
	inTemplates, inGo := keysIn(t, ".", ".html"), keysIn(t, "..", ".go")
	for name := range inTemplates {
		if !isText(texts, name) && !isFile(name) {
			t.Errorf("no text %q", name)
		}
	}
	for key := range texts {
		name, _, _ := strings.Cut(key, "#")
		if !inTemplates[name] && !inGo[name] && !strings.HasPrefix(name, "scope.") {
			t.Errorf("nothing uses the text %q", name)
		}
	}
}

// keysIn returns what could be the keys of texts in the files below the folder.
func keysIn(t *testing.T, folder, ext string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	key := regexp.MustCompile(`"([a-z]+[A-Za-z]*(?:\.[a-zA-Z0-9]+)+)"`)
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ext || strings.Contains(path, "testdata") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range key.FindAllSubmatch(content, -1) {
			keys[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func isText(texts map[string]string, name string) bool {
	_, plain := texts[name]
	_, plural := texts[name+"#other"]
	return plain || plural
}

func isFile(name string) bool {
	found, err := fs.Glob(files, "*/"+name)
	return err == nil && len(found) > 0
}

// OpenID Connect Core §5.4 and §11.
func TestStandardScopesAreDescribed(t *testing.T) {
	t.Parallel()
	texts := newPages(t).Texts()
	for _, name := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		if texts.describe(Scope{Name: name}) == "" {
			t.Errorf("no description of %s", name)
		}
	}
	if got := texts.describe(Scope{Name: "email", Description: "Write you letters"}); got != "Write you letters" {
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
