package e2e

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// OpenID Connect RP-Initiated Logout §2: with an ID token of the person's as a hint
// the browser comes back at once; without, the person is asked, and may stay.
func TestBrowserSignsOut(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	t.Run("with a hint", func(t *testing.T) {
		t.Parallel()
		a, tab := newApp(t, p, nil), newTab(t)
		token := a.signIn(tab).Get("id_token")
		tab.Open(a.endSession("id_token_hint", token))
		a.cameBack(tab)
		a.nobody(tab)
	})
	for name, script := range map[string]bool{"asked": true, "asked without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, tab := newApp(t, p, nil), newTab(t)
			a.signIn(tab)
			browsertest.Command(tab.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			tab.Open(a.endSession())
			shows(t, "sign-out page", tab.Text("main"), "Acme Notes", "Alex Sample")
			tab.Press("button[value=stay]")
			shows(t, "the page of who stays", tab.Text("main"), "still signed in")
			tab.Open(a.endSession())
			tab.Press("button[value=sign-out]")
			a.cameBack(tab)
			a.nobody(tab)
		})
	}
	t.Run("by the person alone", func(t *testing.T) {
		t.Parallel()
		a, tab := newApp(t, p, nil), newTab(t)
		a.signIn(tab)
		tab.Open(p.URL + "/end_session")
		tab.Press("button[value=sign-out]")
		shows(t, "signed-out page", tab.Text("main"), "signed out")
		a.nobody(tab)
	})
}

// OpenID Connect Front-Channel Logout §2 and §3: the pages of all applications that
// the person has signed in at are told, in frames, by iss and the sid of their ID
// tokens; then the browser comes back by itself. Without JavaScript too.
func TestBrowserSignsOutByTheFrontChannel(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	for name, script := range map[string]bool{"by script": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metadata := object{"frontchannel_logout_uri": "/frontchannel", "frontchannel_logout_session_required": true}
			one, other, tab := newApp(t, p, metadata), newApp(t, p, metadata), newTab(t)
			oneToken, otherToken := one.signIn(tab).Get("id_token"), other.signIn(tab).Get("id_token")
			browsertest.Command(tab.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			tab.Open(one.endSession("id_token_hint", oneToken))
			one.told(t, oneToken)
			other.told(t, otherToken)
			one.cameBack(tab)
			one.nobody(tab)
		})
	}
}

// told checks that the application was told of the end of the ID token's session.
func (a *app) told(t *testing.T, idToken string) {
	t.Helper()
	_, claims := providertest.JWT(t, idToken)
	told := receive(t, a.signedOut, "the front-channel logout")
	if told.Get("iss") != a.URL || told.Get("sid") != claims["sid"] || told.Get("sid") == "" {
		t.Errorf("it was told %v, and its sid is %v", told, claims["sid"])
	}
}

// OpenID Connect Session Management §3: a page of the application's asks our frame
// whether the state has changed. Of the same site by plain http, as on a developer's
// machine; of another site where the provider is https.
func TestBrowserTellsOfTheSession(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{"same site": nil, "another site": speakTLS(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, "", settings...)
			host := "127.0.0.1"
			if name == "same site" {
				host = "localhost" // where the provider is too
			}
			a, tab := newAppAt(t, p, host, nil), newTab(t)
			tab.Open(a.request())
			tab.signIn(providertest.Password)
			tab.Click("button[value=allow]")
			message := a.id + " " + a.answer(tab).Get("session_state")
			tab.Open(a.url + "/session")
			if got := tab.ask(message); got != "unchanged" {
				t.Errorf("signed in, it is %s", got)
			}
			another := tab.another()
			another.Open(p.URL + "/end_session")
			another.Press("button[value=sign-out]")
			if got := tab.ask(message); got != "changed" {
				t.Errorf("signed out, it is %s", got)
			}
			if got := tab.ask("no message"); got != "error" {
				t.Errorf("to what is no message it says %s", got)
			}
		})
	}
}

// ask sends the frame a message and returns its answer.
func (b *tab) ask(message string) string {
	b.Helper()
	await := func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }
	return browsertest.Act(b.Tab, chromedp.Evaluate[string](fmt.Sprintf("ask(%q)", message), await))
}

// signIn signs the fixture's person in, in a browser where they are or are not, and
// returns the tokens.
func (a *app) signIn(tab *tab) providertest.Tokens {
	tab.Helper()
	tab.Open(a.request())
	if browsertest.Eval[bool](tab.Tab, "document.querySelector('#password') !== null") {
		tab.signIn(providertest.Password)
	}
	tab.Click("button[value=allow]")
	return a.tokens(tab)
}

// endSession is the URL of a request to sign out and come back, with changes.
func (a *app) endSession(changes ...string) string {
	params := url.Values{"client_id": {a.id}, "post_logout_redirect_uri": {a.url + "/signed-out"}, "state": {"a-state"}}
	return a.URL + "/end_session?" + providertest.With(params, changes...).Encode()
}

// another opens a further tab of the same browser.
func (b *tab) another() *tab {
	b.Helper()
	return &tab{b.Another()}
}

// cameBack waits until the browser is where people come back to signed out.
func (a *app) cameBack(tab *tab) {
	tab.Helper()
	tab.Do(chromedp.WaitVisible(chromedp.CSS("#bye")))
	if got, want := tab.Location(), a.url+"/signed-out?state=a-state"; got != want {
		tab.Errorf("the browser is at %s, want %s", got, want)
	}
}

// nobody checks that nobody is signed in any more.
func (a *app) nobody(tab *tab) {
	tab.Helper()
	tab.Open(a.request("prompt", "none", "response_mode", "query"))
	shows(tab.T, "where the browser is", tab.Location(), "error=login_required", "state=a-state")
}

// speakTLS are the settings of a provider with a certificate that nobody knows.
func speakTLS(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir)
	return []string{
		"GATELODGE_HTTP_TLS_CERTIFICATE=" + filepath.Join(dir, "cert.pem"),
		"GATELODGE_HTTP_TLS_KEY=" + filepath.Join(dir, "key.pem"),
	}
}
