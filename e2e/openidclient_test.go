package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// openid-client for Node.js, which knows us by our issuer only: discovery, the
// code flow with PKCE, state and nonce, userinfo, refresh, introspection and
// revocation, with each way to authenticate a client and both usual response
// modes.
func TestOpenIDClientSignsIn(t *testing.T) {
	t.Parallel()
	installOpenIDClient(t)
	onEachDatabase(t, func(t *testing.T, p *provider) {
		key := p.registerKeyClient(t)
		for name, in := range map[string]map[string]any{
			"basic":     {"client_id": "web", "redirect_uri": providertest.RedirectURI},
			"form_post": {"client_id": "web", "redirect_uri": providertest.RedirectURI, "response_mode": "form_post"},
			"secret_post": {
				"client_id": "post", "redirect_uri": providertest.RedirectURI, "method": "client_secret_post",
			},
			"private_key_jwt": {
				"client_id": "key", "redirect_uri": providertest.RedirectURI, "method": "private_key_jwt", "private_key": key,
			},
			"public": {"client_id": "native", "redirect_uri": "http://127.0.0.1:49152/callback", "method": "none"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := map[string]any{
					"sub": providertest.UserID, "email": providertest.Username,
					"refreshed_sub": providertest.UserID, "rotated": true, "refreshed_works": true,
					"after_revocation": "invalid_grant",
				}
				if name != "public" {
					want["introspected"] = []any{true, providertest.UserID, in["client_id"]}
					want["introspected_after"] = false
				}
				if diff := cmp.Diff(want, p.openIDClient(t, "code.mjs", in)); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

// The same for a client on its own behalf.
func TestOpenIDClientCredentials(t *testing.T) {
	t.Parallel()
	installOpenIDClient(t)
	onEachDatabase(t, func(t *testing.T, p *provider) {
		got := p.openIDClient(t, "machine.mjs", map[string]any{
			"client_id": "machine", "scope": providertest.APIScope, "resource": providertest.API,
		})
		want := map[string]any{
			"active": true, "sub": "machine", "scope": providertest.APIScope, "aud": providertest.API,
			"after_revocation": false, "wrong_resource": "invalid_target",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// installOpenIDClient installs what the lock file says, once for each lock file.
var installOpenIDClient = func() func(*testing.T) {
	install := sync.OnceValue(func() error {
		const wanted, installed = "openid-client/package-lock.json", "openid-client/node_modules/installed-lock.json"
		lock, err := os.ReadFile(wanted)
		if err != nil {
			return err
		}
		if before, err := os.ReadFile(installed); err == nil && string(before) == string(lock) {
			return nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = "openid-client"
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci (Debian's packages nodejs and npm): %w: %s", err, out)
		}
		return os.WriteFile(installed, lock, 0o600)
	})
	return func(t *testing.T) {
		t.Helper()
		if err := install(); err != nil {
			t.Fatal(err)
		}
	}
}()

// openIDClient runs a script of the directory openid-client, is its browser, and
// returns its result.
func (p *provider) openIDClient(t *testing.T, script string, in map[string]any) map[string]any {
	t.Helper()
	in["issuer"], in["client_secret"] = p.URL, providertest.ClientSecret
	argument, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("openid-client", script), string(argument))
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
	result := p.converse(t, bufio.NewScanner(stdout), stdin)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return result
}

// converse opens the addresses that the script asks for until it has a result.
func (p *provider) converse(t *testing.T, lines *bufio.Scanner, answers io.Writer) map[string]any {
	t.Helper()
	for lines.Scan() {
		var line struct {
			Visit  string         `json:"visit"`
			Result map[string]any `json:"result"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if line.Result != nil {
			return line.Result
		}
		res := p.SignIn(t, p.client(t), query(t, line.Visit))
		if err := json.NewEncoder(answers).Encode(callback(t, res)); err != nil {
			t.Fatal(err)
		}
	}
	return nil
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// callback is what the browser brings the client: a URL, or a form to post to it.
func callback(t *testing.T, res providertest.Response) map[string]any {
	t.Helper()
	if res.StatusCode == http.StatusSeeOther {
		return map[string]any{"url": res.Header.Get("Location")}
	}
	action := formAction.FindStringSubmatch(res.Body)
	if res.StatusCode != http.StatusOK || action == nil {
		t.Fatalf("status %d, body %s", res.StatusCode, res.Body)
	}
	form := map[string]string{}
	for _, field := range formField.FindAllStringSubmatch(res.Body, -1) {
		form[field[1]] = html.UnescapeString(field[2])
	}
	return map[string]any{"url": html.UnescapeString(action[1]), "form": form}
}

// registerKeyClient registers a client that authenticates with a key, and
// returns the private key as a JWK.
func (p *provider) registerKeyClient(t *testing.T) json.RawMessage {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: private, KeyID: "key-1", Algorithm: "ES256"}
	secret, err := jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	public, err := jwk.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	p.apply(t, strings.ReplaceAll(`clients:
  - client_id: key
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
    token_endpoint_auth_method: private_key_jwt
    jwks: {keys: [KEY]}
`, "KEY", string(public)))
	return secret
}
