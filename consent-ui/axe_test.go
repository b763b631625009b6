package consentui

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/nodetest"
)

// WCAG 2.2 AA: every page in every state that there is an example of, those that no
// walk of e2e/pages comes to included, such as what an outage looks like.
func TestExamplesHoldToWCAG(t *testing.T) {
	t.Parallel()
	nodetest.Install(t, "../e2e/pages")
	p, err := New(options())
	if err != nil {
		t.Fatal(err)
	}
	pages := http.NewServeMux()
	pages.Handle("/static/", p.Static())
	pages.HandleFunc("/page/{name}", func(w http.ResponseWriter, r *http.Request) {
		if err := p.Render(w, r, http.StatusOK, examples()[r.PathValue("name")]); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	tab := browsertest.New(t)
	for i, scheme := range []string{"light", "dark"} {
		browsertest.Command(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // or colours are judged on their way
			},
		})
		tab.Do(chromedp.EmulateViewport([]int64{320, 1280}[i], 720))
		for name, page := range examples() {
			switch page.(type) {
			case FormPost, SigningOut, CheckSession: // go on by themselves, or show nothing
				continue
			}
			tab.Open(server.URL + "/page/" + name)
			for _, violation := range tab.Violations("../e2e/pages/node_modules/axe-core/axe.min.js") {
				t.Errorf("%s, %s: %s", name, scheme, violation)
			}
		}
	}
}
