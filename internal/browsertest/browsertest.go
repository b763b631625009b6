// Package browsertest drives a real browser, Chromium without a window, for
// tests. It knows nothing of the pages.
package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "save pictures of the pages in this directory") //nolint:gochecknoglobals // a flag of the test binary

// patience is how long anything may take that should take moments.
const patience = 20 * time.Second

// Tab is a tab of a browser that has no cookies yet.
type Tab struct {
	*testing.T
	ctx context.Context //nolint:containedctx // chromedp's handle of the tab

	mu         sync.Mutex
	complaints []string
}

// New opens a tab. When the test ends, the browser must have had nothing to
// complain about: a blocked style, script or form, or an error in a script.
func New(t *testing.T) *Tab {
	t.Helper()
	browser, err := theBrowser()
	if err != nil {
		t.Fatal(err)
	}
	return openTab(t, browser.ctx, chromedp.WithNewBrowserContext())
}

func openTab(t *testing.T, beside context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(beside, options...)
	t.Cleanup(cancel)
	b := &Tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, complaint := range b.complaints {
			t.Errorf("the browser complains: %s", complaint)
		}
	})
	return b
}

// listen notes what the browser complains about.
func (b *Tab) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// An answer such as 422 is logged by the network, and is no fault; nor is
		// somebody who was faster than autofocus.
		if e.Entry.Source != log.EntrySourceNetwork && !strings.HasPrefix(e.Entry.Text, "Autofocus processing was blocked") {
			complaint = fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" {
			complaint = "blocked: " + string(e.BlockedReason)
		}
	}
	if complaint != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, complaint)
	}
}

// started is the browser that all tests of a package share, and the directory that
// it writes to.
type started struct {
	ctx     context.Context //nolint:containedctx // chromedp's handle of the browser
	profile string
}

// asked is whether a test has asked for the browser.
var asked atomic.Bool //nolint:gochecknoglobals // one browser a process

// theBrowser is started by the first test that asks for it.
var theBrowser = sync.OnceValues(func() (started, error) { //nolint:gochecknoglobals // one browser a process
	asked.Store(true)
	profile, err := os.MkdirTemp("", "gatelodge-browser-")
	if err != nil {
		return started{}, err
	}
	b := started{profile: profile}
	if err := os.Mkdir(filepath.Join(profile, "Default"), 0o700); err != nil {
		return b, err
	}
	// A frame of another site has its cookies, in browsers that leave them to it.
	preferences := []byte(`{"profile": {"cookie_controls_mode": 0}}`)
	if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), preferences, 0o600); err != nil {
		return b, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-component-update", true),
		// A page that comes back out of it is lost to chromedp where scripts are off.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,BackForwardCache"),
		chromedp.Flag("ignore-certificate-errors", true), // ours are nobody else's
	)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...) // Stop ends it
	b.ctx, _ = chromedp.NewContext(allocator)
	if err := chromedp.Do(b.ctx); err != nil {
		return b, fmt.Errorf("start the browser (Debian's package chromium): %w", err)
	}
	return b, nil
})

// Stop stops the browser, if it was started, and removes what it wrote: for a
// TestMain.
func Stop() {
	if !asked.Load() {
		return
	}
	b, err := theBrowser()
	if err == nil {
		err = chromedp.Cancel(b.ctx)
	}
	if err := errors.Join(err, os.RemoveAll(b.profile)); err != nil {
		fmt.Fprintln(os.Stderr, "stop the browser:", err)
	}
}

// Act runs an action for as long as anything may take.
func Act[T any](b *Tab, action chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.Fatalf("at %s: %v", where, err)
	}
	return v
}

// Eval returns what the JavaScript expression is worth in the page.
func Eval[T any](b *Tab, expression string, options ...chromedp.EvaluateOption) T {
	b.Helper()
	return Act(b, chromedp.Evaluate[T](expression, options...))
}

// Await has [Eval] wait for a promise.
func Await(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }

// Command sends the browser a command that has no action, and returns its result.
func Command[P, R any](b *Tab, c cdp.Command[P, R], params P) R {
	b.Helper()
	return Act(b, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
}

// Back presses the browser's button, and waits until it is there. (chromedp's own
// waits for an event that does not come without scripts.)
func (b *Tab) Back() {
	b.Helper()
	before := b.Location()
	history := Command(b, page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex == 0 {
		b.Fatal("there is nothing to go back to")
	}
	last := history.Entries[history.CurrentIndex-1]
	Command(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: last.ID})
	for late := time.Now().Add(patience); b.Location() == before && last.URL != before; {
		if time.Now().After(late) {
			b.Fatalf("the browser stays at %s", before)
		}
	}
	b.Do(chromedp.WaitReady(chromedp.CSS("body")))
}

// Do runs an action that has no result.
func (b *Tab) Do(action chromedp.Action[chromedp.Void]) {
	b.Helper()
	Act(b, action)
}

// Open goes to the address.
func (b *Tab) Open(url string) {
	b.Helper()
	b.Do(chromedp.Navigate(url))
}

// Click clicks, and waits for nothing.
func (b *Tab) Click(selector string) {
	b.Helper()
	b.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Press clicks and waits for the page that this leads to.
func (b *Tab) Press(selector string) {
	b.Helper()
	b.Follow(chromedp.Click(chromedp.CSS(selector)))
}

// Follow runs an action and waits for the page that it leads to.
func (b *Tab) Follow(action chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, action); err != nil {
		b.Fatalf("an action at %s leads nowhere: %v", b.Location(), err)
	}
}

// Text is the visible text of the first element.
func (b *Tab) Text(selector string) string {
	b.Helper()
	return Act(b, chromedp.Text(chromedp.CSS(selector)))
}

// Value is what a field holds.
func (b *Tab) Value(selector string) string {
	b.Helper()
	return Act(b, chromedp.Value(chromedp.CSS(selector)))
}

// Location is the address that the tab is at.
func (b *Tab) Location() string {
	b.Helper()
	return Act(b, chromedp.Location())
}

// At checks where the browser is, but for the query.
func (b *Tab) At(want string) {
	b.Helper()
	if got, _, _ := strings.Cut(b.Location(), "?"); got != want {
		b.Fatalf("the browser is at %s, want %s; it shows %q", got, want, b.Text("body"))
	}
}

// Picture saves what the tab shows, if pictures are wanted.
func (b *Tab) Picture(name string) {
	b.Helper()
	if *screenshots == "" {
		return
	}
	file := filepath.Join(*screenshots, name+".png")
	if err := os.WriteFile(file, Act(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
		b.Fatal(err)
	}
}

// Another opens a further tab of the same browser.
func (b *Tab) Another() *Tab {
	b.Helper()
	return openTab(b.T, b.ctx)
}

// Violations are what axe, whose program is the file, finds wrong with the page under
// WCAG 2.2 AA and what is held to be good practice.
func (b *Tab) Violations(axe string) []string {
	b.Helper()
	source, err := os.ReadFile(axe)
	if err != nil {
		b.Fatal(err)
	}
	if !Eval[bool](b, "typeof axe === 'object'") {
		Eval[bool](b, string(source)+"; true")
	}
	const run = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")))`
	return Eval[[]string](b, run, Await)
}
