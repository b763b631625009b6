package consentui

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
)

// pseudo is the language that stands for any other: its words are longer than the
// English ones by 40 % and more.
const pseudo = "en-XA"

// addPseudo writes its texts below the folder of templates.
func addPseudo(t *testing.T, folder string) {
	t.Helper()
	c := catalogues(t)["en"]
	c.Lang, c.Name = pseudo, "Pseudo"
	for key, text := range c.Texts {
		words := strings.Fields(text)
		for i, word := range words {
			if !strings.Contains(word, "{") {
				words[i] += strings.Repeat("ẽ", (len([]rune(word))*4+9)/10)
			}
		}
		c.Texts[key] = "[" + strings.Join(words, " ") + "]"
	}
	content, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "texts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "texts", pseudo+".json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// WCAG 2.2 SC 1.4.10: on a phone of 320 pixels nothing is scrolled to the side, in
// whatever language and direction of writing.
func TestPagesFitPhonesInLongWords(t *testing.T) {
	t.Parallel()
	o := options()
	o.Templates = t.TempDir()
	addPseudo(t, o.Templates)
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	pages := http.NewServeMux()
	pages.Handle("/static/", p.Static())
	pages.HandleFunc("/page/{lang}/{name}", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Language", r.PathValue("lang"))
		if err := p.Render(w, r, http.StatusOK, examples()[r.PathValue("name")]); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	tab := browsertest.New(t)
	tab.Do(chromedp.EmulateViewport(320, 720))
	for _, lang := range []string{pseudo, "ar"} {
		for name, page := range examples() {
			switch page.(type) {
			case FormPost, SigningOut, CheckSession: // go on by themselves, or show nothing
				continue
			}
			tab.Open(server.URL + "/page/" + lang + "/" + name)
			if got := browsertest.Eval[int64](tab, "document.documentElement.scrollWidth"); got > 320 {
				t.Errorf("%s, %s: %d pixels wide", lang, name, got)
			}
		}
	}
}
