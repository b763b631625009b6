package pages

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// focused is what has the focus, seen: its id, or else what it says.
const focused = `(function () {
	var e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e)
	if (e === document.body) { return "" }
	var at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
	var seen = e.matches(":focus-visible") && (style.outlineStyle !== "none" || style.boxShadow !== "none")
	if (!seen || !at || !(e.contains(at) || at.contains(e))) { return "unseen: " + e.outerHTML }
	return e.id || e.name || e.textContent.trim()
})()`

// tabTo presses the tab key until the element has the focus: everything on the way
// shows that it has it, and is not covered by something else.
func (e *eye) tabTo(name string) {
	e.Helper()
	var way []string
	for range 30 {
		at := browsertest.Eval[string](e.Tab, focused)
		if at == name {
			return
		}
		way = append(way, at)
		e.Do(chromedp.KeyEvent(kb.Tab))
		browsertest.Eval[bool](e.Tab, "document.activeElement.scrollIntoView({block: 'center', behavior: 'instant'}), true")
	}
	e.Fatalf("%q cannot be reached by the keyboard, only %q", name, way)
}

// WCAG 2.2, 2.1.1, 2.1.2, 2.4.7 and 2.4.11: somebody without a mouse signs in, wrongly
// first, says yes, and gets around in their account.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		e.Do(chromedp.EmulateViewport(desk, 720))
		somebody := w.person(t)
		e.Open(w.request())
		e.tabTo("username") // it has the focus already
		e.Do(chromedp.KeyEvent(somebody))
		e.tabTo("password")
		e.Do(chromedp.KeyEvent("a wrong password"))
		e.Follow(chromedp.KeyEvent(kb.Enter))
		e.tabTo("problem")
		e.tabTo("password")
		e.Do(chromedp.KeyEvent(providertest.Password))
		e.tabTo("remember")
		e.Do(chromedp.KeyEvent(" "))
		e.tabTo("Sign in")
		e.Follow(chromedp.KeyEvent(kb.Enter))
		if e.has("button[value=later]") {
			e.tabTo("decision")
			e.Follow(chromedp.KeyEvent(kb.Enter))
		}
		e.tabTo("scope")
		e.Do(chromedp.KeyEvent(" "))
		for browsertest.Eval[string](e.Tab, "document.activeElement.value || ''") != "allow" {
			e.Do(chromedp.KeyEvent(kb.Tab))
		}
		e.Do(chromedp.KeyEvent(kb.Enter))
		w.arrives(e, "signed in")

		e.Open(w.URL + "/account")
		e.tabTo("Security")
		e.Follow(chromedp.KeyEvent(kb.Enter))
		e.At(w.URL + "/account/security")
	})
}
