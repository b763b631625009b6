package conformance

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os/exec"
	"strings"
)

func sessionModules() []module {
	return []module{{"oidcc-session-management-rp-initiated-logout", "SM", sessionManagement}}
}

// OpenID Connect Session Management §2, §3.1: the answers are those of the frame's
// own script.
func sessionManagement(r *run) {
	g := r.registerForLogout(nil).signIn()
	state := g.answer.Get("session_state")
	if state == "" {
		r.Fatal("the authorization response has no session_state")
	}
	for _, message := range []struct{ text, answer string }{
		{g.id + " " + state, "unchanged"},
		{g.id + " another" + state, "changed"},
		{"nonsense", "error"},
	} {
		if answer := r.askFrame(message.text); answer != message.answer {
			r.Errorf("the frame answers %q with %q, want %q", message.text, answer, message.answer)
		}
	}
	request := g.logoutRequest()
	r.signOut(request).sentBack(r, url.Values{"state": request["state"]})
	if answer := r.askFrame(g.id + " " + state); answer != "changed" {
		r.Errorf("after the logout the frame answers %q", answer)
	}
}

// frameScript runs a script as the document of a frame would, and sends it a
// message.
const frameScript = `
const {script, attributes, cookie, message, origin} = JSON.parse(require("fs").readFileSync(0));
const listeners = [];
const window = {addEventListener: (type, listener) => type === "message" && listeners.push(listener)};
const document = {cookie, documentElement: {getAttribute: (name) => attributes[name]}};
new Function("window", "document", script)(window, document);
const source = {postMessage: (answer, target) => target === origin && console.log(answer)};
listeners.forEach((listener) => listener({data: message, origin, source}));
`

// askFrame loads the check_session_iframe in the browser and returns its answer
// to a message of the client's.
func (r *run) askFrame(message string) string {
	r.Helper()
	frame := r.browser.open(r.endpoint("check_session_iframe"))
	input := map[string]any{"message": message, "origin": r.rp.server.URL, "attributes": map[string]string{}}
	if frame.header.Get("X-Frame-Options") != "" {
		r.Error("the frame must not be framed")
	}
	for n := range frame.elements("html") {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		input["attributes"] = attributes
	}
	var script strings.Builder
	for _, address := range frame.addresses("script", "src") {
		script.WriteString(r.browser.open(address).body)
	}
	var cookies []string
	for _, cookie := range r.browser.client.Jar.Cookies(frame.address) {
		if r.browser.framed[cookie.Name] {
			cookies = append(cookies, cookie.Name+"="+cookie.Value)
		}
	}
	input["script"], input["cookie"] = script.String(), strings.Join(cookies, "; ")
	stdin, err := json.Marshal(input)
	if err != nil {
		r.Fatal(err)
	}
	node := exec.CommandContext(r.Context(), "node", "-e", frameScript)
	node.Stdin = bytes.NewReader(stdin)
	out, err := node.Output()
	if err != nil {
		r.Fatalf("the frame's script: %v", err)
	}
	return strings.TrimSpace(string(out))
}
