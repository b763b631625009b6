package consentui

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/robertkrimen/otto"
	"github.com/robertkrimen/otto/parser"
)

// An old browser drops a script whole for one arrow in it, and HtmlUnit, which
// signs in for the certification suite, drops the page.
func TestScriptsAreECMAScript5(t *testing.T) {
	t.Parallel()
	if _, err := parser.ParseFile(nil, "", "for (const b of f()) g(b?.x, () => 1)", 0); err == nil {
		t.Fatal("the parser knows more than ECMAScript 5")
	}
	names, err := fs.Glob(files, "static/*.js")
	if err != nil || len(names) == 0 {
		t.Fatalf("found %d scripts: %v", len(names), err)
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(nil, path.Base(name), content, 0); err != nil {
			t.Error(err)
		}
	}
}

// newBrowser runs the setting, which stands for the browser, and then the script.
func newBrowser(t *testing.T, setting, script string) *otto.Otto {
	t.Helper()
	content, err := files.ReadFile("static/" + script)
	if err != nil {
		t.Fatal(err)
	}
	vm := otto.New()
	if _, err := vm.Run(setting); err != nil {
		t.Fatal(err)
	}
	if _, err := vm.Run(content); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return vm
}

func evaluate(t *testing.T, vm *otto.Otto, expression string) string {
	t.Helper()
	v, err := vm.Run(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v.String()
}

// frameSetting is what the script of the session frame needs of a browser.
const frameSetting = `
	var window = {addEventListener: function (type, f) { window[type] = f; }};
	var document = {
		cookie: "",
		documentElement: {getAttribute: function (name) { return name === "data-cookie" ? "state" : null; }},
	};
	var answers = [];
	var app = {postMessage: function (answer, target) { answers.push(answer + " to " + target); }};
	function ask(data, origin, source) {
		answers = [];
		window.message({data: data, origin: origin, source: source});
		return answers.join(", ");
	}`

// sessionState is the session_state of OpenID Connect Session Management §3.
func sessionState(clientID, origin, state, salt string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{clientID, origin, state, salt}, " ")))
	return base64.RawURLEncoding.EncodeToString(sum[:]) + "." + salt
}

func askFrame(t *testing.T, vm *otto.Otto, data any, origin string) string {
	t.Helper()
	app, err := vm.Get("app")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := vm.Call("ask", nil, data, origin, app)
	if err != nil {
		t.Fatal(err)
	}
	return answer.String()
}

// OpenID Connect Session Management §3.2.
func TestSessionFrameAnswers(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example:8443"
	vm := newBrowser(t, frameSetting, "check_session.js")
	good := sessionState("my app", origin, "abc=", "s4lt")
	const mine, none = "a=b; state=abc=; statement=x", "a=b; xstate=abc="
	for _, test := range []struct {
		name, cookie string
		data         any
		want         string
	}{
		{"the same state", mine, "my app " + good, "unchanged"},
		{"the first cookie", "state=abc=; a=b", "my app " + good, "unchanged"},
		{"another state", "state=abd", "my app " + good, "changed"},
		{"signed out", none, "my app " + good, "changed"},
		{"signed out before and after", none, "my app " + sessionState("my app", origin, "", "s4lt"), "unchanged"},
		{"another client", mine, "app " + good, "changed"},
		{"another salt", mine, "my app " + good + "x", "changed"},
		{"another origin", mine, "my app " + sessionState("my app", "https://evil.example", "abc=", "s4lt"), "changed"},
		{"no state", mine, "my-app", "error"},
		{"nothing", mine, "", "error"},
		{"no client", mine, " " + good, "error"},
		{"no salt", mine, "app hash.", "error"},
		{"no hash", mine, "app .salt", "error"},
		{"no dot", mine, "app hash", "error"},
		{"two dots", mine, "app hash.salt.pepper", "error"},
		{"no text", mine, 7, "error"},
		{"no value", mine, otto.UndefinedValue(), "error"},
	} {
		if err := setCookie(vm, test.cookie); err != nil {
			t.Fatal(err)
		}
		want := test.want + " to " + origin
		if got := askFrame(t, vm, test.data, origin); got != want {
			t.Errorf("%s: the answer is %q, want %q", test.name, got, want)
		}
	}
}

// A frame that the browser keeps from its cookies knows nothing. If it said "changed",
// the application would ask us anew, §3.1, for ever.
func TestSessionFrameWithoutItsCookiesSaysSo(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example"
	vm := newBrowser(t, frameSetting+`
		var access = false;
		document.hasStorageAccess = function () { return {then: function (f) { f(access); }}; };`, "check_session.js")
	message := "app " + sessionState("app", origin, "abc", "salt")
	for _, test := range []struct{ access, cookie, want string }{
		{"false", "", "error"}, {"true", "", "changed"}, {"false", "state=abc", "unchanged"},
	} {
		evaluate(t, vm, "access = "+test.access)
		if err := setCookie(vm, test.cookie); err != nil {
			t.Fatal(err)
		}
		if got := askFrame(t, vm, message, origin); got != test.want+" to "+origin {
			t.Errorf("access %s, cookie %q: %q, want %s", test.access, test.cookie, got, test.want)
		}
	}
}

func setCookie(vm *otto.Otto, cookies string) error {
	document, err := vm.Object("document")
	if err != nil {
		return err
	}
	return document.Set("cookie", cookies)
}

// An answer goes to the origin that asked: a window without one, or without a
// window, gets none, and a message of the frame's own would be answered for ever.
func TestSessionFrameAnswersNobodyElse(t *testing.T) {
	t.Parallel()
	vm := newBrowser(t, frameSetting, "check_session.js")
	for _, ask := range []string{
		`ask("app hash.salt", "null", app)`,
		`ask("app hash.salt", "https://app.example", null)`,
		`window.postMessage = app.postMessage, ask("app hash.salt", "https://app.example", window)`,
	} {
		if got := evaluate(t, vm, ask); got != "" {
			t.Errorf("%s is answered by %q", ask, got)
		}
	}
}

// FIPS 180-4: the script's own SHA-256, across the borders of its blocks.
func TestSessionFrameHashes(t *testing.T) {
	t.Parallel()
	vm := newBrowser(t, frameSetting, "check_session.js")
	const origin, salt = "https://app.example", "salt"
	others := len(origin+salt) + 3 // with the spaces
	clientIDs := []string{"a", strings.Repeat("é€𝄞", 40)}
	for _, length := range []int{54, 55, 56, 57, 63, 64, 65, 119, 120, 128} {
		clientIDs = append(clientIDs, strings.Repeat("a", length-others))
	}
	for _, clientID := range clientIDs {
		message := clientID + " " + sessionState(clientID, origin, "", salt)
		if got := askFrame(t, vm, message, origin); got != "unchanged to "+origin {
			t.Errorf("a client id of %d bytes: %q", len(clientID), got)
		}
	}
}

// OpenID Connect Front-Channel Logout §3: on when the frames have loaded, or when
// one takes too long, and once.
func TestSigningOutGoesOnOnce(t *testing.T) {
	t.Parallel()
	const setting = `
		var went = [], timers = [];
		var window = {
			addEventListener: function (type, f) { window[type] = f; },
			location: {replace: function (to) { went.push(to); }},
		};
		var document = {querySelector: function (s) { return s === "a[data-continue]" ? {href: "/on"} : null; }};
		function setTimeout(f, delay) { timers.push(delay); window.timer = f; }`
	for _, order := range [][]string{{"load", "timer"}, {"timer", "load"}} {
		vm := newBrowser(t, setting, "signing_out.js")
		got := []string{evaluate(t, vm, "went.join() + '|' + timers.join()")}
		for _, event := range order {
			evaluate(t, vm, "window."+event+"()")
			got = append(got, evaluate(t, vm, "went.join()"))
		}
		if diff := cmp.Diff([]string{"|5000", "/on", "/on"}, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", order, diff)
		}
	}
}

// OAuth 2.0 Form Post Response Mode §2: the form sends itself, in old browsers too.
func TestFormPostSendsItself(t *testing.T) {
	t.Parallel()
	for methods, want := range map[string]string{
		"submit: function () { sent += 's'; }":                                               "s",
		"submit: function () { sent += 's'; }, requestSubmit: function () { sent += 'r'; } ": "r",
	} {
		vm := newBrowser(t, "var sent = '', document = {querySelector: function () { return {"+methods+"}; }};", "form_post.js")
		if got := evaluate(t, vm, "sent"); got != want {
			t.Errorf("with %s: sent by %q, want %q", methods, got, want)
		}
	}
}
