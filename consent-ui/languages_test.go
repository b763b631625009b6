package consentui

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/feature/plural"
)

// OpenID Connect Core §3.1.2.1: what the application asks for comes first, then
// what the person has chosen, then what their browser prefers. What we do not speak
// does not count.
func TestLanguageIsTheOneAskedForFirst(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, test := range map[string]struct{ uiLocales, chosen, accepted, want string }{
		"nothing":                     {want: "en"},
		"the browser's":               {accepted: "de-CH, de;q=0.9, en;q=0.8", want: "de"},
		"the browser's second":        {accepted: "nl, de;q=0.5", want: "de"},
		"none that we speak":          {accepted: "tlh", want: "en"},
		"not a language":              {accepted: "!\\x00", want: "en"},
		"the person's":                {chosen: "de", accepted: "en", want: "de"},
		"one that was not to choose":  {chosen: "tlh", accepted: "de", want: "de"},
		"a list as choice":            {chosen: "de, en", accepted: "en", want: "en"},
		"the application's":           {uiLocales: "de", chosen: "en", accepted: "en", want: "de"},
		"the application's second":    {uiLocales: "tlh de-AT", chosen: "en", want: "de"},
		"the application's unknown":   {uiLocales: "se", chosen: "de", want: "de"},
		"the application's malformed": {uiLocales: "%%% ;q=", chosen: "de", want: "de"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", test.accepted)
		if test.chosen != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-gatelodge-language", Value: test.chosen})
		}
		w := httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, Login{Step: Step{UILocales: test.uiLocales}}); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Language"); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
		if !strings.Contains(w.Body.String(), `<html lang="`+test.want+`" dir="`) {
			t.Errorf("%s: the page does not say %q", name, test.want)
		}
	}
}

func TestLanguageIsRememberedIfItIsOurs(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	w := httptest.NewRecorder()
	if p.RememberLanguage(w, "tlh") || p.RememberLanguage(w, "") || len(w.Result().Cookies()) > 0 {
		t.Error("a language that there is not was remembered")
	}
	w = httptest.NewRecorder()
	if !p.RememberLanguage(w, "de") {
		t.Fatal("de was not remembered")
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	if got := p.TextsFor(r).Lang; got != "de" {
		t.Errorf("got %q", got)
	}
}

func catalogues(t *testing.T) map[string]catalogue {
	t.Helper()
	names, err := fs.Glob(files, "texts/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]catalogue{}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var c catalogue
		if err := json.Unmarshal(content, &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[c.Lang] = c
	}
	return all
}

// messages are the texts of a catalogue, those with plurals once.
func messages(c catalogue) []string {
	keys := map[string]bool{}
	for key := range c.Texts {
		name, _, _ := strings.Cut(key, "#")
		keys[name] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// Whoever speaks a language is not told half of it in another.
func TestCataloguesHaveTheSameTexts(t *testing.T) {
	t.Parallel()
	all := catalogues(t)
	want := messages(all["en"])
	for lang, c := range all {
		if diff := cmp.Diff(want, messages(c)); diff != "" {
			t.Errorf("%s (-en +%s):\n%s", lang, lang, diff)
		}
	}
}

var placeholder = regexp.MustCompile(`\{[a-zA-Z]+\}`)

// A placeholder that is lost in translation says less, one that is misspelt is
// shown as it is written. A plural may leave its number out: “yesterday”.
func TestCataloguesHaveTheSamePlaceholders(t *testing.T) {
	t.Parallel()
	all := catalogues(t)
	for lang, c := range all {
		for key, text := range c.Texts {
			name, form, _ := strings.Cut(key, "#")
			original, ok := all["en"].Texts[key]
			if !ok && form != "" {
				original, ok = all["en"].Texts[name+"#other"]
			}
			if !ok {
				t.Errorf("%s: nothing uses %s", lang, key)
				continue
			}
			want, got := placeholders(original), placeholders(text)
			if form != "" {
				want, got = without(want, "{n}"), without(got, "{n}")
			}
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s has %v, en has %v", lang, key, got, want)
			}
		}
	}
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func without(list []string, one string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == one })
}

// Every plural that the language has for numbers up to a thousand has its form.
func TestCataloguesHaveThePluralsOfTheirLanguages(t *testing.T) {
	t.Parallel()
	for _, texts := range newPages(t).Languages() {
		c := catalogues(t)[texts.Lang]
		for key := range c.Texts {
			name, form, _ := strings.Cut(key, "#")
			if form == "" {
				continue
			}
			for n := range 1000 {
				want := name + "#" + pluralForm(plural.Cardinal.MatchPlural(texts.tag, n, 0, 0, 0, 0))
				if _, ok := c.Texts[want]; !ok {
					t.Errorf("%s: no %s, for %d", texts.Lang, want, n)
					break
				}
			}
		}
	}
}

func TestCataloguesAreWholeTexts(t *testing.T) {
	t.Parallel()
	for lang, c := range catalogues(t) {
		if c.Name == "" || c.Dir != "ltr" && c.Dir != "rtl" {
			t.Errorf("%s: name %q, direction %q", lang, c.Name, c.Dir)
		}
		for key, text := range c.Texts {
			if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, "<>\t\n") {
				t.Errorf("%s: %s is %q", lang, key, text)
			}
		}
	}
}

func TestTimesAndNumbersAreWrittenAsTheLanguageDoes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 4, 8, 5, 0, 0, time.FixedZone("", 3600))
	for lang, want := range map[string][]string{
		"en":    {"4 November 2026", "4 November 2026, 07:05 UTC", "1,234,567", "-1,234", "just now", "1 minute ago", "5 hours ago", "yesterday", "15 minutes", "1 hour", "14 days"},
		"fr":    {"4 novembre 2026", "4 novembre 2026, 07:05 UTC", "1\u202f234\u202f567", "-1\u202f234", "à l’instant", "il y a 1 minute", "il y a 5 heures", "hier", "15 minutes", "1 heure", "14 jours"},
		"es":    {"4 de noviembre de 2026", "4 de noviembre de 2026, 07:05 UTC", "1.234.567", "-1.234", "ahora mismo", "hace 1 minuto", "hace 5 horas", "ayer", "15 minutos", "1 hora", "14 días"},
		"pt-BR": {"4 de novembro de 2026", "4 de novembro de 2026, 07:05 UTC", "1.234.567", "-1.234", "agora mesmo", "há 1 minuto", "há 5 horas", "ontem", "15 minutos", "1 hora", "14 dias"},
		"ja":    {"2026年11月4日", "2026年11月4日 07:05 UTC", "1,234,567", "-1,234", "たった今", "1分前", "5時間前", "1日前", "15分", "1時間", "14日"},
		"ar":    {"4 نوفمبر 2026", "4 نوفمبر 2026، 07:05 UTC", "1,234,567", "-1,234", "الآن", "قبل دقيقة", "قبل 5 ساعات", "أمس", "15 دقيقة", "ساعة واحدة", "14 يومًا"},
		"de":    {"4. November 2026", "4. November 2026, 07:05 UTC", "1.234.567", "-1.234", "gerade eben", "vor 1 Minute", "vor 5 Stunden", "gestern", "15 Minuten", "1 Stunde", "14 Tage"},
	} {
		texts := newPages(t).Texts(lang)
		ago := func(d time.Duration) string {
			text, err := texts.Ago(at, at.Add(d))
			if err != nil {
				t.Error(err)
			}
			return text
		}
		span := func(d time.Duration) string {
			text, err := texts.Span(d)
			if err != nil {
				t.Error(err)
			}
			return text
		}
		got := []string{
			texts.Date(at), strings.ReplaceAll(texts.DateTime(at), "\u00a0", " "), texts.Number(1234567), texts.Number(-1234),
			ago(30 * time.Second), ago(100 * time.Second), ago(5 * time.Hour), ago(25 * time.Hour),
			span(15 * time.Minute), span(time.Hour), span(14 * 24 * time.Hour),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lang, diff)
		}
		if got := ago(31 * 24 * time.Hour); got != texts.Date(at) {
			t.Errorf("%s: a month ago is %q", lang, got)
		}
	}
}

// A value is shown as it is, even if it looks like a placeholder.
func TestValuesAreNotReadAsPlaceholders(t *testing.T) {
	t.Parallel()
	texts := &Texts{texts: map[string]string{"k": "{a} and {b}"}}
	got, err := texts.Text("k", "a", "{b}", "b", "x")
	if err != nil || got != "{b} and x" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A page that can be asked for again is, in the other language; one that a request
// waits in is resumed; one that was posted to and is no step stays as it is.
func TestLanguageSwitchLeadsBackToThePage(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, test := range map[string]struct {
		method, target string
		page           Page
		want           []string
	}{
		"asked for": {http.MethodGet, "/account/apps?x=1&y=2", Home{}, []string{
			`action="/language"`, `name="return" value="/account/apps?x=1&amp;y=2"`,
		}},
		"a step":                        {http.MethodPost, "/login", Login{Step: Step{Request: "sealed"}}, []string{`action="/login/language"`, `name="request" value="sealed"`}},
		"posted":                        {http.MethodPost, "/logout", SignedOut{}, nil},
		"with an address like a host's": {http.MethodGet, "//evil.example", Home{}, nil},
		"on its way":                    {http.MethodGet, "/authorize", FormPost{}, nil},
		"refused":                       {http.MethodGet, "/authorize?redirect_uri=x", Error{}, nil},
	} {
		r := httptest.NewRequest(test.method, "/", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(test.target, "?")
		r.URL.RawPath = r.URL.Path
		w := httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, test.page); err != nil {
			t.Fatal(err)
		}
		for _, want := range append(test.want, `name="language" value="de" lang="de" dir="ltr">Deutsch</button>`) {
			if strings.Contains(w.Body.String(), want) != (test.want != nil) {
				t.Errorf("%s: %s: found or not, against what is right, in %s", name, want, w.Body)
			}
		}
	}
}

// No other site can be returned to.
func TestLanguageReturnsToPathsOfOursOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/account?x=1": "/account?x=1", "": "/", "//evil.example": "/", `/\evil.example`: "/", `/a\..\b`: "/",
		"https://evil.example": "/", "/\t/evil.example": "/", "account": "/", "javascript:alert(1)": "/",
	} {
		if got := Return(address); got != want {
			t.Errorf("Return(%q) = %q, want %q", address, got, want)
		}
	}
}
