package consentui

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThemeIsTheOneChosen(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for chosen, want := range map[string]string{
		"dark":    `<html lang="en" dir="ltr" data-theme="dark">`,
		"light":   `<html lang="en" dir="ltr" data-theme="light">`,
		"":        `<html lang="en" dir="ltr">`,
		`x" y="z`: `<html lang="en" dir="ltr">`,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		if p.RememberTheme(w, chosen) != !strings.Contains(chosen, "x") {
			t.Errorf("%q: remembered, or not", chosen)
		}
		r.AddCookie(&http.Cookie{Name: "__Host-gatelodge-theme", Value: chosen})
		w = httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, Home{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: not %s", chosen, want)
		}
	}
}

// Whoever goes back to what the device is set to has no cookie any more.
func TestDeviceThemeIsNoCookie(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newPages(t).RememberTheme(w, "")
	if cookie := w.Result().Cookies()[0]; cookie.MaxAge >= 0 {
		t.Errorf("it is kept for %d seconds", cookie.MaxAge)
	}
}

// Nothing but colours, lengths and names of fonts becomes part of a style sheet.
func TestThemesAreJudgedStrictly(t *testing.T) {
	t.Parallel()
	for _, good := range []Theme{
		{},
		{Brand: "#1d4ed8", BrandText: "#FFFFFF", BrandDark: "#93c5fd", BrandDarkText: "#000000", Radius: "0.5rem", Font: `"Segoe UI", system-ui,sans-serif`},
		{Radius: "0"},
		{Radius: "12px", Font: "Inter"},
	} {
		if faults := good.Faults(); faults != nil {
			t.Errorf("%v: %v", good, faults)
		}
	}
	for member, bad := range map[string][]Theme{
		"brand": {
			{Brand: "red"},
			{Brand: "#fff"},
			{Brand: "#12345g"},
			{Brand: "#123456;"},
			{Brand: "#123456\n"},
			{Brand: "url(https://evil.example)"},
			{BrandDark: "#123456"},
		},
		"brand_text": {{Brand: "#123456", BrandText: "var(--x)"}},
		"radius":     {{Radius: "1em"}, {Radius: "1"}, {Radius: "-1px"}, {Radius: "1px}"}, {Radius: "calc(1px)"}},
		"font": {
			{Font: "a;b"},
			{Font: `"a`},
			{Font: `"a"b"`},
			{Font: "a}"},
			{Font: "a,,b"},
			{Font: `"a\"b"`},
			{Font: "url(x)"},
			{Font: "Segoe UI"},
			{Font: "a\nb"},
			{Font: "</style>"},
			{Font: strings.Repeat("a,", 30) + "a"},
		},
	} {
		for _, theme := range bad {
			if faults := theme.Faults(); len(faults) != 1 || faults[0].Member != member {
				t.Errorf("%v: %v", theme, faults)
			}
		}
	}
}

// WCAG 2.2 SC 1.4.3: what is computed can be read, whatever the brand; what is given
// is warned of.
func TestThemesThatCannotBeReadAreWarnedOf(t *testing.T) {
	t.Parallel()
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				brand := fmt.Sprintf("#%02x%02x%02x", r, g, b)
				for _, warning := range (Theme{Brand: brand}).Warnings() {
					if !strings.Contains(warning, "brand on the page is") {
						t.Errorf("%s: %s", brand, warning)
					}
				}
			}
		}
	}
	got := Theme{Brand: "#ffff00", BrandText: "#ffffff", BrandDark: "#000000", BrandDarkText: "#111111"}.Warnings()
	if len(got) != 4 {
		t.Errorf("got %q", got)
	}
	if got := (Theme{Brand: "#1d4ed8"}).Warnings(); got != nil {
		t.Errorf("got %q", got)
	}
}

// The provider's theme is part of the style sheet, the application's has an address
// of its own that says all of it.
func TestThemesAreServed(t *testing.T) {
	t.Parallel()
	o := options()
	o.Theme = Theme{Brand: "#1d4ed8", Radius: "2px"}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	style := fetch(p, p.static.paths["style.css"], "").Body.String()
	if !strings.Contains(style, "--primary:#1d4ed8;") || !strings.Contains(style, "--radius:2px;") {
		t.Error("the style sheet has no theme")
	}
	body := render(t, p, Login{Step: Step{Client: Client{Theme: Theme{Brand: "#b91c1c"}}}}).Body.String()
	_, rest, _ := strings.Cut(body, `<link rel="stylesheet" href="/theme/`)
	name, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("the page has no theme of the application")
	}
	res := serveTheme(p, "/theme/"+name)
	if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "--primary:#b91c1c;") ||
		!strings.HasPrefix(res.Header().Get("Content-Type"), "text/css") {
		t.Errorf("status %d, %s", res.Code, res.Body)
	}
}

func serveTheme(p *Pages, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeTheme(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// Whoever makes up an address gets no style sheet that we would not have written.
func TestThemesThatAreMadeUpAreNotServed(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, path := range []string{
		"/theme/", "/theme/x.css", "/theme/e30", Theme{Brand: "red"}.path(), Theme{Font: "a;}"}.path(),
		"/theme/" + strings.Repeat("a", 5000) + ".css",
	} {
		if res := serveTheme(p, path); res.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, %s", path, res.Code, res.Body)
		}
	}
}

// replacing returns pages with the files in place of ours.
func replacing(t *testing.T, replacements map[string]string) (*Pages, error) {
	t.Helper()
	o := options()
	o.Templates = t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(replacements)) {
		path := filepath.Join(o.Templates, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(replacements[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return New(o)
}

// A file replaces the one of ours with its name; of a catalogue, the texts that it has.
func TestFilesOfTheOperatorReplaceOurs(t *testing.T) {
	t.Parallel()
	p, err := replacing(t, map[string]string{
		"templates/home.html": `{{define "title"}}Hello{{end}}{{define "content"}}<img src="{{asset "photo.png"}}" alt="{{t "login.title"}}">{{end}}`,
		"texts/de.json":       `{"lang": "de", "texts": {"login.title": "Hereinspaziert"}}`,
		"static/photo.png":    "photo",
		"static/style.css":    "body{}",
	})
	if err != nil {
		t.Fatal(err)
	}
	if body := render(t, p, Home{}).Body.String(); !strings.Contains(body, "<title>Hello – Gatelodge</title>") || !strings.Contains(body, `alt="Sign in"`) {
		t.Errorf("the template is not the operator's: %s", body)
	}
	if got := fetch(p, p.static.paths["photo.png"], "").Body.String(); got != "photo" {
		t.Errorf("the new file is %q", got)
	}
	if got := fetch(p, p.static.paths["style.css"], "").Body.String(); !strings.HasPrefix(got, "body{}") {
		t.Errorf("the style is %q", got)
	}
	for key, want := range map[string]string{"login.title": "Hereinspaziert", "login.password": "Passwort"} {
		if got, err := p.Texts("de").Text(key); err != nil || got != want {
			t.Errorf("%s is %q, %v", key, got, err)
		}
	}
}

// A mistake shows at start.
func TestFilesOfTheOperatorAreCheckedAtStart(t *testing.T) {
	t.Parallel()
	for name, replacements := range map[string]map[string]string{
		"a template that cannot be parsed":     {"templates/login.html": "{{"},
		"a template with a text that is not":   {"templates/login.html": `{{define "title"}}{{t "no.such"}}{{end}}{{define "content"}}{{end}}`},
		"a template with a field that is not":  {"templates/login.html": `{{define "title"}}{{.Nothing}}{{end}}{{define "content"}}{{end}}`},
		"a template without what a page needs": {"templates/login.html": "Hello"},
		"a file that replaces nothing":         {"templates/logn.html": ""},
		"a file in no folder":                  {"style.css": ""},
		"texts that cannot be parsed":          {"texts/de.json": "{"},
		"texts of another language":            {"texts/de.json": `{"lang": "fr"}`},
		"a new language without months":        {"texts/it.json": `{"lang": "it", "name": "Italiano", "dir": "ltr"}`},
	} {
		if _, err := replacing(t, replacements); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := options()
	o.Templates = filepath.Join(t.TempDir(), "missing")
	if _, err := New(o); err == nil {
		t.Error("a folder that is not there: no error")
	}
}

// A small logo is part of the page, a large one is served, and the dark one is for
// who wants it dark, by the device or by choice.
func TestLogoIsTheProviders(t *testing.T) {
	t.Parallel()
	o := options()
	folder := t.TempDir()
	o.Logo, o.LogoDark = filepath.Join(folder, "logo.svg"), filepath.Join(folder, "dark.png")
	large := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", inPage)
	for path, content := range map[string]string{o.Logo: "<svg/>", o.LogoDark: large} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	light, dark := `src="data:image/svg&#43;xml;base64,PHN2Zy8&#43;"`, `"`+p.static.paths["logo.png"]+`"`
	for theme, want := range map[string][]string{
		"": {light, "srcset=" + dark, "(prefers-color-scheme: dark)"}, "light": {light}, "dark": {"src=" + dark},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: "__Host-gatelodge-theme", Value: theme})
		w := httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, Home{}); err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, part := range []string{light, "srcset=" + dark, "(prefers-color-scheme: dark)", " src=" + dark} {
			if strings.Contains(w.Body.String(), part) {
				found = append(found, strings.TrimSpace(part))
			}
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%q (-want +got):\n%s", theme, diff)
		}
	}
	o.Logo = filepath.Join(folder, "logo.txt")
	if err := os.WriteFile(o.Logo, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil {
		t.Error("a text is taken for a logo")
	}
}
