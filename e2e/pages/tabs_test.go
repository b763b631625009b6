package pages

import (
	"math/rand/v2"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// Ten tabs of one browser are gone on with in any order, and each of them arrives.
func TestTenTabsInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		t.Helper()
		random := rand.New(rand.NewPCG(3, 5))
		somebody := w.person(t)
		open := []*eye{e}
		for range 9 {
			tab := &eye{Tab: e.Another(), scripts: e.scripts}
			browsertest.Command(tab.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !e.scripts})
			open = append(open, tab)
		}
		for _, tab := range open {
			tab.Open(w.request())
		}
		for len(open) > 0 {
			i := random.IntN(len(open))
			tab := open[i]
			switch {
			case tab.has("#arrived"):
				w.arrives(tab, "signed in")
				open = append(open[:i], open[i+1:]...)
			case tab.has("#password"):
				tab.signIn(somebody, providertest.Password)
			case tab.has("button[value=later]"):
				tab.later()
			default:
				tab.Click("button[value=allow]")
			}
		}
	})
}
