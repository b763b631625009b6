package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// What `make run` starts: a newcomer signs in with the demo person through the
// sample app; Ctrl-C ends all three programs cleanly; the second run finds the
// same people, clients and keys, and changes to them.
func TestMakeRun(t *testing.T) {
	t.Parallel()
	m := newMakeRun(t)
	first := m.start(t)
	shows(t, "what it prints", first.output.String(), "Issuer     "+m.issuer, "alex", "gatelodge-demo", "sample-app")
	// The demo's API is at a port of its own; ours is one more.
	m.gatelodge(t, fmt.Sprintf("resource_servers: [{identifier: '%s', name: Sample API}]", m.api), "apply", "-f", "-")
	m.signIn(t, "gatelodge-demo")
	keys := m.keys(t)
	m.gatelodge(t, "seven seas of a sailor boy\n", "user", "set-password", "alex")
	if code := first.stop(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	second := m.start(t)
	m.signIn(t, "seven seas of a sailor boy")
	if again := m.keys(t); again != keys {
		t.Errorf("the keys were %s and are %s", keys, again)
	}
	if code := second.stop(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// If one of the programs cannot run, all end and it is said why.
func TestMakeRunEndsWhenAPortIsTaken(t *testing.T) {
	t.Parallel()
	m := newMakeRun(t)
	squatter, err := net.Listen("tcp", strings.TrimPrefix(m.app, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	p := m.run(t)
	if code := p.wait(t); code == 0 {
		t.Error("the exit code is 0")
	}
	shows(t, "what it prints", p.output.String(), "address already in use", "the others were stopped")
}

// makeRun is a directory in which scripts/run is run.
type makeRun struct {
	dir              string
	env              []string
	issuer, app, api string // URLs
}

// newMakeRun lays the script and the programs out as in the repository, on ports
// that are free.
func newMakeRun(t *testing.T) *makeRun {
	t.Helper()
	addr, ops := "localhost:"+freePort(t), "localhost:"+freePort(t)
	api, app := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	m := &makeRun{dir: t.TempDir(), issuer: "http://" + addr, app: "http://" + app, api: "http://" + api, env: []string{
		"GATELODGE_HTTP_ADDR=" + addr, "GATELODGE_OPS_ADDR=" + ops,
		"SAMPLE_API_ADDR=" + api, "SAMPLE_API_AUDIENCE=http://" + api, "SAMPLE_API_ISSUER=http://" + addr,
		"SAMPLE_APP_ADDR=" + app, "SAMPLE_APP_URL=http://" + app, "SAMPLE_APP_API=http://" + api, "SAMPLE_APP_ISSUER=http://" + addr,
	}}
	script, err := os.ReadFile("../scripts/run")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(m.dir, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "scripts", "run"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(programs, filepath.Join(m.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	return m
}

// start runs the script until all three programs answer.
func (m *makeRun) start(t *testing.T) *process {
	t.Helper()
	p := m.run(t)
	p.says(t, "and sign in.")
	answers(t, m.app)
	return p
}

// run runs the script, which ends its programs when it is asked to, and only then.
func (m *makeRun) run(t *testing.T) *process {
	t.Helper()
	p := start(t, m.dir, m.env, filepath.Join(m.dir, "scripts", "run"))
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		p.wait(t)
	})
	return p
}

// gatelodge runs a command that reads the text, beside the provider, and returns
// what it prints.
func (m *makeRun) gatelodge(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program("gatelodge"), args...)
	cmd.Dir, cmd.Env, cmd.Stderr = m.dir, m.env, t.Output()
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gatelodge %v: %v", args, err)
	}
	return string(out)
}

// keys are the ids of the signing keys.
func (m *makeRun) keys(t *testing.T) string {
	t.Helper()
	var keys []struct {
		ID string `json:"kid"`
	}
	if err := json.Unmarshal([]byte(m.gatelodge(t, "", "key", "list", "-o", "json")), &keys); err != nil || len(keys) == 0 {
		t.Fatalf("keys %v, error %v", keys, err)
	}
	return fmt.Sprint(keys)
}

// signIn signs the demo person in through the sample app, as a browser without
// JavaScript does, and looks at what the app shows.
func (m *makeRun) signIn(t *testing.T, password string) {
	t.Helper()
	browser := providertest.Browser(t)
	browser.CheckRedirect = nil // follow
	login := providertest.At(m.app).Post(t, browser, "/sign-in", nil)
	form := url.Values{"request": {login.Pending(t)}, "username": {"alex"}, "password": {password}}
	page := providertest.At(m.issuer).Post(t, browser, "/login", form)
	if strings.Contains(page.Body, `name="decision"`) {
		form = url.Values{"request": {page.Pending(t)}, "decision": {"allow"}}
		page = providertest.At(m.issuer).Post(t, browser, "/consent", form)
	}
	shows(t, "app", page.Body, `id="claims"`, "alex@example.com", "Alex Sample")
	_, told, _ := strings.Cut(page.Body, `id="api"`)
	shows(t, "API", told, "Alex Sample")
}
