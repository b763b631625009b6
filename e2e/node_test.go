package e2e

import (
	"bufio"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/nodetest"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// node is a program of the directory node that runs: a client that knows the
// provider by its issuer only. We are its browser.
type node struct {
	*provider
	script string
	stdin  io.Writer
	lines  *bufio.Scanner
}

// newNode starts a program. It ends with the test.
func newNode(t *testing.T, p *provider, script string) *node {
	t.Helper()
	nodetest.Install(t, "node")
	cmd := exec.Command("node", filepath.Join("node", script), p.URL)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // which ends it
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	return &node{provider: p, script: script, stdin: stdin, lines: lines}
}

// does has the program do something, in a browser that has no cookies yet, and
// compares its result.
func (n *node) does(t *testing.T, what string, in, want object) {
	t.Helper()
	if diff := cmp.Diff(want, n.do(t, what, in)); diff != "" {
		t.Error(diff)
	}
}

func (n *node) do(t *testing.T, what string, in object) object {
	t.Helper()
	n.tell(t, object{"do": what, "in": in})
	browser := n.client(t)
	for n.lines.Scan() {
		var line struct {
			Visit   string `json:"visit"`
			Result  object `json:"result"`
			Failure string `json:"failure"`
		}
		if err := json.Unmarshal(n.lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", n.lines.Bytes(), err)
		}
		if line.Failure != "" {
			t.Fatal(line.Failure)
		}
		if line.Result != nil {
			return line.Result
		}
		n.tell(t, callback(t, n.visit(t, browser, line.Visit)))
	}
	t.Fatalf("%s has ended", n.script)
	return nil
}

func (n *node) tell(t *testing.T, v any) {
	t.Helper()
	if err := json.NewEncoder(n.stdin).Encode(v); err != nil {
		t.Fatal(err)
	}
}

// visit opens an address of the provider's, does on its pages what a person would,
// and returns the response that leads back to the client.
func (p *provider) visit(t *testing.T, browser *http.Client, address string) providertest.Response {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if u.Path == "/authorize" {
		return p.SignIn(t, browser, u.Query())
	}
	res := p.Get(t, browser, u.RequestURI())
	if strings.Contains(res.Body, `value="sign-out"`) {
		res = p.Post(t, browser, "/logout", url.Values{"request": {res.Pending(t)}, "decision": {"sign-out"}})
	}
	return res
}

// flows are what clients register and ask: each response type in each of the modes,
// and with each algorithm and each rule on how old the sign-in may be.
func flows(modes map[string][]string) map[string]object {
	all := map[string]object{}
	for responseType, modes := range modes {
		add := func(name string, metadata, parameters object) {
			metadata["response_types"] = []string{responseType}
			metadata["grant_types"] = grantTypes(responseType)
			all[responseType+" "+name] = object{"metadata": metadata, "parameters": parameters}
		}
		for _, mode := range modes {
			parameters := object{"response_mode": mode}
			if mode == "" {
				parameters = object{}
			}
			add("in "+mode, object{}, parameters)
		}
		for _, age := range []string{"0", "3600"} {
			add("max_age "+age, object{}, object{"max_age": age})
		}
		add("default_max_age", object{"default_max_age": 3600, "require_auth_time": true}, object{})
		for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
			add("signed "+alg, object{"id_token_signed_response_alg": alg, "userinfo_signed_response_alg": alg}, object{})
			add("request object "+alg, object{"request_object_signing_alg": alg}, object{
				"max_age": "3600", "claims": `{"id_token": {"email": {"essential": true}}}`,
			})
		}
		for alg, enc := range map[string]string{
			"RSA-OAEP": "A128CBC-HS256", "RSA-OAEP-256": "A256GCM",
			"ECDH-ES": "A128GCM", "ECDH-ES+A128KW": "A128CBC-HS256", "ECDH-ES+A256KW": "A256CBC-HS512",
		} {
			add("encrypted "+alg, object{
				"id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc,
				"userinfo_signed_response_alg":    "ES256",
				"userinfo_encrypted_response_alg": alg, "userinfo_encrypted_response_enc": enc,
			}, object{})
			add("encrypted request object "+alg, object{
				"request_object_signing_alg":    "ES256",
				"request_object_encryption_alg": alg, "request_object_encryption_enc": enc,
			}, object{})
		}
	}
	return all
}

// grantTypes are those that a response type needs, OpenID Connect Registration §2,
// and to refresh.
func grantTypes(responseType string) []string {
	var all []string
	if strings.Contains(responseType, "code") {
		all = append(all, "authorization_code", "refresh_token")
	}
	if strings.Contains(responseType, "id_token") {
		all = append(all, "implicit")
	}
	return all
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// callback is what the browser brings the client: a URL, or a form to post to it.
func callback(t *testing.T, res providertest.Response) object {
	t.Helper()
	if res.StatusCode == http.StatusSeeOther {
		return object{"url": res.Header.Get("Location")}
	}
	action := formAction.FindStringSubmatch(res.Body)
	if res.StatusCode != http.StatusOK || action == nil {
		t.Fatalf("status %d, body %s", res.StatusCode, res.Body)
	}
	form := map[string]string{}
	for _, field := range formField.FindAllStringSubmatch(res.Body, -1) {
		form[field[1]] = html.UnescapeString(field[2])
	}
	return object{"url": html.UnescapeString(action[1]), "form": form}
}
