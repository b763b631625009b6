package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// A person signs in to the sample app: a wrong password first, then the right
// one; says no and then yes; sees what the app and the API know; and is not
// asked again.
func TestBrowserSignsIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		s := newSystem(t, p)
		tab := newTab(t)
		tab.Open(s.app)
		tab.Press("form[action='/sign-in'] button")
		tab.At(s.URL + "/authorize")
		tab.signIn("a wrong password")
		shows(t, "sign-in page", tab.Text("[role=alert]"), "password")
		if got := tab.Value("#username"); got != providertest.Username {
			t.Errorf("the username is %q after a wrong password", got)
		}
		tab.signIn(providertest.Password)
		shows(t, "consent page", tab.Text("main"), "Sample App", "Alex Sample", "Read your profile through the sample API")
		tab.Press("button[value=deny]")
		tab.At(s.app + "/callback")
		shows(t, "app", tab.Text("[role=alert]"), "access_denied")

		tab.Open(s.app)
		tab.Press("form[action='/sign-in'] button") // the session goes on, the question comes again
		tab.Press("button[value=allow]")
		tab.signedIn(s)
		tab.Press("form[action='/refresh'] button")
		tab.signedIn(s)
		tab.Press("form[action='/sign-out'] button")
		tab.Press("form[action='/sign-in'] button") // neither password nor question
		tab.signedIn(s)
	})
}

// signedIn checks what the app shows of the person.
func (b *tab) signedIn(s *system) {
	b.Helper()
	b.At(s.app + "/")
	shows(b.T, "ID token", b.Text("#claims"), `"sub": "user-alex"`, `"aud": "sample-app"`, `"iss": "`+s.URL+`"`)
	shows(b.T, "userinfo", b.Text("#userinfo"), `"email": "alex@example.com"`, `"name": "Alex Sample"`)
	shows(b.T, "API", b.Text("#api"), `"sub": "user-alex"`, `"name": "Alex Sample"`)
}

// All pages work without JavaScript.
func TestBrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newSystem(t, newProvider(t, ""))
	tab := newTab(t)
	browsertest.Command(tab.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tab.Open(s.app)
	tab.Press("form[action='/sign-in'] button")
	tab.signIn("a wrong password")
	tab.signIn(providertest.Password)
	tab.Press("button[value=allow]")
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
			browsertest.Command(tab.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			tab.Open(a.request())
			tab.signIn(providertest.Password)
			tab.Press("button[value=allow]")
			for i, responseType := range responseTypes {
				if i > 0 { // any program may be at that address: it is asked about each time
					tab.Open(a.request("response_type", responseType))
					tab.Press("button[value=allow]")
				}
				if !script {
					tab.Click("form[data-submit] button")
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
			browsertest.Command(tab.Tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			tab.Do(chromedp.EmulateViewport(375, 667))
			for _, step := range []struct {
				name string
				do   func()
			}{
				{"app", func() { tab.Open(s.app) }},
				{"home", func() { tab.Open(s.URL) }},
				{"login", func() { tab.Open(a.request()) }},
				{"denied", func() { tab.signIn("a wrong password") }},
				{"consent", func() { tab.signIn(providertest.Password) }},
				{"choose", func() {
					tab.Click("button[value=allow]")
					a.answer(tab)
					tab.Open(a.request("prompt", "select_account"))
				}},
				{"sign-out", func() { tab.Open(a.endSession()) }},
				{"still-signed-in", func() { tab.Press("button[value=stay]") }},
				{"signed-out", func() {
					tab.Open(s.URL + "/end_session")
					tab.Press("button[value=sign-out]")
				}},
			} {
				step.do()
				if width := browsertest.Eval[int](tab.Tab, "document.documentElement.scrollWidth"); width > 375 {
					t.Errorf("%s is %d pixels wide", step.name, width)
				}
				tab.Picture(step.name + "-" + scheme)
			}
		})
	}
}

func (b *tab) signIn(password string) {
	b.Helper()
	b.signInAs(providertest.Username, password)
}

func (b *tab) signInAs(username, password string) {
	b.Helper()
	b.Do(chromedp.SetValue(chromedp.CSS("#username"), username))
	b.Do(chromedp.SendKeys(chromedp.CSS("#password"), password))
	b.Press("main form.fields button[type=submit]")
}

// tab is a tab of a browser, and what people do with our pages in it.
type tab struct{ *browsertest.Tab }

func newTab(t *testing.T) *tab {
	t.Helper()
	return &tab{browsertest.New(t)}
}
