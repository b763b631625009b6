package pages

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/nodetest"
)

// the widths of a small phone and of a desk, in CSS pixels.
const (
	phone = 320
	desk  = 1280
)

// eye is a tab that looks at each page that it comes to.
type eye struct {
	*browsertest.Tab
	// scripts: the pages may run theirs.
	scripts bool
}

// newEye opens a tab in a browser of its own.
func newEye(t *testing.T, scripts bool) *eye {
	t.Helper()
	nodetest.Install(t, ".")
	e := &eye{Tab: browsertest.New(t), scripts: scripts}
	browsertest.Command(e.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	return e
}

// withAndWithoutScripts walks twice.
func withAndWithoutScripts(t *testing.T, walk func(*testing.T, *eye)) {
	t.Helper()
	for name, scripts := range map[string]bool{"scripts": true, "no scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walk(t, newEye(t, scripts))
		})
	}
}

// look judges the page that the tab is at: on a phone and on a desk, by light and
// in the dark. Pictures are saved if they are wanted.
func (e *eye) look(page string) {
	e.Helper()
	for _, width := range []int64{phone, desk} {
		for _, scheme := range []string{"light", "dark"} {
			e.lookAs(page, width, scheme)
		}
	}
}

func (e *eye) lookAs(page string, width int64, scheme string) {
	e.Helper()
	e.Do(chromedp.EmulateViewport(width, 720))
	browsertest.Command(e.Tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // or colours are judged on their way
		},
	})
	view := fmt.Sprintf("%s-%d-%s", page, width, scheme)
	if got := browsertest.Eval[int64](e.Tab, "document.documentElement.scrollWidth"); got > width {
		e.Errorf("%s: is %d pixels wide", view, got)
	}
	if e.scripts {
		for _, violation := range e.Violations("node_modules/axe-core/axe.min.js") {
			e.Errorf("%s: %s", view, violation)
		}
		e.Picture(view)
	}
}

// shows checks that the page says all of it.
func (e *eye) shows(parts ...string) {
	e.Helper()
	text := e.Text("body")
	for _, part := range parts {
		if !strings.Contains(text, part) {
			e.Errorf("%q is not on the page, which says %q", part, text)
		}
	}
}

// do runs JavaScript for its effect, also where the pages' own is off.
func (e *eye) do(statement string) {
	e.Helper()
	browsertest.Eval[bool](e.Tab, statement+"; true")
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}
