package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

var screenshots = flag.String("screenshots", "", "save pictures of the pages in this directory")

// A person signs in to the sample app: a wrong password first, then the right
// one; says no and then yes; sees what the app and the API know; and is not
// asked again.
func TestBrowserSignsIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		s := newSystem(t, p)
		tab := newTab(t)
		tab.open(s.app)
		tab.press("form[action='/sign-in'] button")
		tab.at(s.URL + "/authorize")
		tab.signIn("a wrong password")
		shows(t, "sign-in page", tab.text("[role=alert]"), "password")
		if got := tab.value("#username"); got != providertest.Username {
			t.Errorf("the username is %q after a wrong password", got)
		}
		tab.signIn(providertest.Password)
		shows(t, "consent page", tab.text("main"), "Sample App", "Alex Sample", "Read your profile through the sample API")
		tab.press("button[value=deny]")
		tab.at(s.app + "/callback")
		shows(t, "app", tab.text("[role=alert]"), "access_denied")

		tab.open(s.app)
		tab.press("form[action='/sign-in'] button") // the session goes on, the question comes again
		tab.press("button[value=allow]")
		tab.signedIn(s)
		tab.press("form[action='/refresh'] button")
		tab.signedIn(s)
		tab.press("form[action='/sign-out'] button")
		tab.press("form[action='/sign-in'] button") // neither password nor question
		tab.signedIn(s)
	})
}

// signedIn checks what the app shows of the person.
func (b *tab) signedIn(s *system) {
	b.Helper()
	b.at(s.app + "/")
	shows(b.T, "ID token", b.text("#claims"), `"sub": "user-alex"`, `"aud": "sample-app"`, `"iss": "`+s.URL+`"`)
	shows(b.T, "userinfo", b.text("#userinfo"), `"email": "alex@example.com"`, `"name": "Alex Sample"`)
	shows(b.T, "API", b.text("#api"), `"sub": "user-alex"`, `"name": "Alex Sample"`)
}

// All pages work without JavaScript.
func TestBrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newSystem(t, newProvider(t, ""))
	tab := newTab(t)
	command(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tab.open(s.app)
	tab.press("form[action='/sign-in'] button")
	tab.signIn("a wrong password")
	tab.signIn(providertest.Password)
	tab.press("button[value=allow]")
	tab.signedIn(s)
}

// OAuth 2.0 Form Post Response Mode: the answer sends itself where there is
// JavaScript, and our policy lets it; without, a press of a button sends it.
func TestBrowserPostsTheAnswer(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	for name, script := range map[string]bool{"by itself": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			responseTypes := []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}
			a, tab := newApp(t, p, object{
				"application_type": "native", // for one on this machine
				"response_types":   responseTypes, "grant_types": []string{"authorization_code", "implicit"},
			}), newTab(t)
			command(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			tab.open(a.request())
			tab.signIn(providertest.Password)
			tab.press("button[value=allow]")
			for i, responseType := range responseTypes {
				if i > 0 { // any program may be at that address: it is asked about each time
					tab.open(a.request("response_type", responseType))
					tab.press("button[value=allow]")
				}
				if !script {
					tab.click("form[data-submit] button")
				}
				answer := a.answer(tab)
				for part := range strings.FieldsSeq(responseType) {
					if part == "token" {
						part = "access_token"
					}
					if answer.Get(part) == "" {
						t.Errorf("%s: there is no %s in %v", responseType, part, answer)
					}
				}
				if answer.Get("state") != "a-state" || answer.Get("iss") != p.URL {
					t.Errorf("%s: the answer is %v", responseType, answer)
				}
			}
		})
	}
}

// The pages fit a phone of 375 pixels, light and dark.
func TestBrowserOnAPhone(t *testing.T) {
	t.Parallel()
	s := newSystem(t, newProvider(t, "", everything()...))
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			a, tab := newApp(t, s.provider, object{
				"logo_uri": "/logo.png", "policy_uri": "https://acme.example/privacy", "tos_uri": "https://acme.example/terms",
			}), newTab(t)
			command(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			tab.do(chromedp.EmulateViewport(375, 667))
			for _, step := range []struct {
				name string
				do   func()
			}{
				{"app", func() { tab.open(s.app) }},
				{"home", func() { tab.open(s.URL) }},
				{"login", func() { tab.open(a.request()) }},
				{"sign-up", func() { tab.press("form[action='/sign-up/start'] button") }},
				{"sign-up-taken", func() { tab.signUp("Alex", providertest.Username, "a password of some length") }},
				{"login-again", func() { tab.press("form[action='/login/switch'] button") }},
				{"denied", func() { tab.signIn("a wrong password") }},
				{"consent", func() { tab.signIn(providertest.Password) }},
				{"choose", func() {
					tab.click("button[value=allow]")
					a.answer(tab)
					tab.open(a.request("prompt", "select_account"))
				}},
				{"sign-out", func() { tab.open(a.endSession()) }},
				{"still-signed-in", func() { tab.press("button[value=stay]") }},
				{"signed-out", func() {
					tab.open(s.URL + "/end_session")
					tab.press("button[value=sign-out]")
				}},
			} {
				step.do()
				if width := eval[int](tab, "document.documentElement.scrollWidth"); width > 375 {
					t.Errorf("%s is %d pixels wide", step.name, width)
				}
				tab.picture(step.name + "-" + scheme)
			}
		})
	}
}

// tab is a tab of a browser that has no cookies yet.
type tab struct {
	*testing.T
	ctx context.Context //nolint:containedctx // chromedp's handle of the tab

	mu         sync.Mutex
	complaints []string
}

// newTab opens a tab. When the test ends, the browser must have had nothing to
// complain about: a blocked style, script or form, or an error in a script.
func newTab(t *testing.T) *tab {
	t.Helper()
	browser, err := theBrowser()
	if err != nil {
		t.Fatal(err)
	}
	return openTab(t, browser, chromedp.WithNewBrowserContext())
}

func openTab(t *testing.T, beside context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(beside, options...)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
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
func (b *tab) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// An answer such as 422 is logged by the network, and is no fault.
		if e.Entry.Source != log.EntrySourceNetwork {
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

// theBrowser is the browser that all tests share, started by the first.
var theBrowser = sync.OnceValues(func() (context.Context, error) {
	if err := os.MkdirAll(filepath.Join(profile(), "Default"), 0o700); err != nil {
		return nil, err
	}
	// A frame of another site has its cookies, in browsers that leave them to it.
	preferences := []byte(`{"profile": {"cookie_controls_mode": 0}}`)
	if err := os.WriteFile(filepath.Join(profile(), "Default", "Preferences"), preferences, 0o600); err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile()),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true), // ours are nobody else's
	)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...) // stopBrowser ends it
	browser, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil {
		return nil, fmt.Errorf("start the browser (Debian's package chromium): %w", err)
	}
	return browser, nil
})

// profile is the directory that the browser writes to.
func profile() string { return filepath.Join(programs, "profile") }

// stopBrowser stops the browser if it was started.
func stopBrowser() {
	if _, err := os.Stat(profile()); err != nil {
		return
	}
	browser, err := theBrowser()
	if err != nil {
		return
	}
	if err := chromedp.Cancel(browser); err != nil {
		fmt.Fprintln(os.Stderr, "stop the browser:", err)
	}
}

// act runs an action for as long as anything may take.
func act[T any](b *tab, action chromedp.Action[T]) T {
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

func eval[T any](b *tab, expression string) T {
	b.Helper()
	return act(b, chromedp.Evaluate[T](expression))
}

// command sends the browser a command that has no action.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.Helper()
	act(b, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
}

func (b *tab) do(action chromedp.Action[chromedp.Void]) {
	b.Helper()
	act(b, action)
}

func (b *tab) open(url string) {
	b.Helper()
	b.do(chromedp.Navigate(url))
}

func (b *tab) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press clicks and waits for the page that this leads to.
func (b *tab) press(selector string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.Fatalf("press %s at %s: %v", selector, b.location(), err)
	}
}

func (b *tab) signIn(password string) {
	b.Helper()
	b.signInAs(providertest.Username, password)
}

func (b *tab) signInAs(username, password string) {
	b.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#username"), username))
	b.do(chromedp.SendKeys(chromedp.CSS("#password"), password))
	b.press("main form.fields button[type=submit]")
}

func (b *tab) text(selector string) string {
	b.Helper()
	return act(b, chromedp.Text(chromedp.CSS(selector)))
}

func (b *tab) value(selector string) string {
	b.Helper()
	return act(b, chromedp.Value(chromedp.CSS(selector)))
}

func (b *tab) location() string {
	b.Helper()
	return act(b, chromedp.Location())
}

// at checks where the browser is, but for the query.
func (b *tab) at(want string) {
	b.Helper()
	if got, _, _ := strings.Cut(b.location(), "?"); got != want {
		b.Fatalf("the browser is at %s, want %s; it shows %q", got, want, b.text("body"))
	}
}

// picture saves what the tab shows, if pictures are wanted.
func (b *tab) picture(name string) {
	b.Helper()
	if *screenshots == "" {
		return
	}
	file := filepath.Join(*screenshots, name+".png")
	if err := os.WriteFile(file, act(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
		b.Fatal(err)
	}
}
