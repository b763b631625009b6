package authorize_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// RFC 6749 §4.1.2.1: with a client or redirect URI that is not proven, the person
// is told and the browser sent nowhere, whatever else is wrong.
func TestUnprovenRedirectURIGetsAPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.SaveClient(t.Context(), t, "two", storage.ClientMetadata{
		RedirectURIs: []string{"https://two.example/a", "https://two.example/b"},
	})
	browser := signedIn(t, p) // to whom a code could be sent at once
	for name, query := range map[string]string{
		"nothing at all":              "",
		"no client":                   params("client_id", "").Encode(),
		"unknown client":              params("client_id", "unknown").Encode(),
		"client that is no text":      params("client_id", "web\x00").Encode(),
		"client in another case":      params("client_id", "WEB").Encode(),
		"client twice":                params().Encode() + "&client_id=web",
		"two clients":                 params().Encode() + "&client_id=native",
		"redirect_uri twice":          params().Encode() + "&redirect_uri=" + url.QueryEscape(providertest.RedirectURI),
		"two redirect_uris":           "redirect_uri=https%3A%2F%2Fevil.example&" + params().Encode(),
		"empty redirect_uri":          params("redirect_uri", "").Encode() + "&redirect_uri=",
		"one of several not chosen":   params("client_id", "two", "redirect_uri", "").Encode(),
		"client without any":          params("client_id", providertest.MachineID, "redirect_uri", "").Encode(),
		"another host":                params("redirect_uri", "https://evil.example/callback").Encode(),
		"another path":                params("redirect_uri", "https://app.example/other").Encode(),
		"trailing slash":              params("redirect_uri", providertest.RedirectURI+"/").Encode(),
		"extra query":                 params("redirect_uri", providertest.RedirectURI+"?x=1").Encode(),
		"fragment":                    params("redirect_uri", providertest.RedirectURI+"#x").Encode(),
		"userinfo":                    params("redirect_uri", "https://app.example@evil.example/callback").Encode(),
		"two at signs":                params("redirect_uri", "https://app.example@@evil.example/callback").Encode(),
		"matrix parameter":            params("redirect_uri", "https://app.example/..;/callback").Encode(),
		"encoded dot":                 params("redirect_uri", "https://app.example/%2e/callback").Encode(),
		"another case of the scheme":  params("redirect_uri", "HTTPS://app.example/callback").Encode(),
		"javascript":                  params("redirect_uri", "javascript:alert(1)").Encode(),
		"data":                        params("redirect_uri", "data:text/html,hello").Encode(),
		"another client's":            params("redirect_uri", providertest.NativeURI).Encode(),
		"loopback with another path":  native("redirect_uri", "http://127.0.0.1:8080/other").Encode(),
		"loopback in odd brackets":    native("redirect_uri", "http://[127.0.0.1]:8080/callback").Encode(),
		"everything else wrong too":   params("redirect_uri", "https://evil.example", "response_type", "x").Encode(),
		"form_post to another host":   params("redirect_uri", "https://evil.example", "response_mode", "form_post").Encode(),
		"prompt=none to another host": params("redirect_uri", "https://evil.example", "prompt", "none").Encode(),
		"not encoded properly":        params().Encode() + "&x=%zz",
		"semicolons":                  params().Encode() + ";x=1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantPage(t, p.Get(t, browser, "/authorize?"+query), 400, invalidPage)
		})
	}
}

// RFC 8252 §7.3.
func TestLoopbackPortMayVary(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	res := p.SignIn(t, providertest.Browser(t), native("redirect_uri", "http://127.0.0.1:49152/callback"))
	if to, q := res.Redirect(t); to != "http://127.0.0.1:49152/callback" || q.Get("code") == "" {
		t.Errorf("to %s with %v", to, q)
	}
}

// RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6: each rule of the endpoint has
// its code, which reaches the client in the mode that it asked for, with its state
// and with iss, RFC 9207.
func TestErrorsReachTheClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.SaveClient(t.Context(), t, "no-code", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, GrantTypes: []string{"client_credentials"},
	})
	challenge := providertest.Challenge()
	for name, test := range map[string]struct {
		query string
		code  string
	}{
		"parameter twice":             {params().Encode() + "&nonce=other", "invalid_request"},
		"unknown parameter twice":     {params().Encode() + "&x=1&x=1", "invalid_request"},
		"no text":                     {params("nonce", "\xff").Encode(), "invalid_request"},
		"NUL":                         {params("nonce", "a\x00b").Encode(), "invalid_request"},
		"request":                     {params("request", "e30.e30.").Encode(), "invalid_request_object"},
		"request_uri":                 {params("request_uri", "https://app.example/r").Encode(), "invalid_request_uri"},
		"registration":                {params("registration", "{}").Encode(), "registration_not_supported"},
		"no response_type":            {params("response_type", "").Encode(), "invalid_request"},
		"unknown response_type":       {params("response_type", "codex").Encode(), "unsupported_response_type"},
		"code twice":                  {params("response_type", "code code").Encode(), "unsupported_response_type"},
		"client without the grant":    {params("client_id", "no-code").Encode(), "unauthorized_client"},
		"openid without redirect_uri": {params("redirect_uri", "").Encode(), "invalid_request"},
		"no scope":                    {params("scope", "").Encode(), "invalid_scope"},
		"unknown scopes only":         {params("scope", "unknown OPENID").Encode(), "invalid_scope"},
		"unknown resource":            {params("resource", "https://other.example").Encode(), "invalid_target"},
		"one resource unknown": {
			params("resource", providertest.API).Encode() + "&resource=https%3A%2F%2Fother.example", "invalid_target",
		},
		"no code_challenge":        {params("code_challenge", "", "code_challenge_method", "").Encode(), "invalid_request"},
		"method without challenge": {params("code_challenge", "").Encode(), "invalid_request"},
		"plain":                    {params("code_challenge_method", "plain").Encode(), "invalid_request"},
		"plain by default":         {params("code_challenge_method", "").Encode(), "invalid_request"},
		"method in another case":   {params("code_challenge_method", "s256").Encode(), "invalid_request"},
		"challenge too short":      {params("code_challenge", challenge[:42]).Encode(), "invalid_request"},
		"challenge too long":       {params("code_challenge", challenge+"A").Encode(), "invalid_request"},
		"challenge with padding":   {params("code_challenge", challenge+"=").Encode(), "invalid_request"},
		"unknown prompt":           {params("prompt", "create").Encode(), "invalid_request"},
		"none and more":            {params("prompt", "none login").Encode(), "invalid_request"},
		"max_age no number":        {params("max_age", "soon").Encode(), "invalid_request"},
		"max_age negative":         {params("max_age", "-1").Encode(), "invalid_request"},
		"max_age huge":             {params("max_age", "99999999999999999999").Encode(), "invalid_request"},
		"hint no token":            {params("id_token_hint", "hint").Encode(), "invalid_request"},
		"nobody signed in":         {params("prompt", "none").Encode(), "login_required"},
	} {
		for _, mode := range []string{"query", "fragment", "form_post"} {
			t.Run(name+" by "+mode, func(t *testing.T) {
				t.Parallel()
				res := p.Get(t, providertest.Browser(t), "/authorize?"+test.query+"&response_mode="+mode)
				to, answer := answerOf(t, res, mode)
				if answer.Get("error_description") == "" {
					t.Error("no error_description")
				}
				answer.Del("error_description")
				want := url.Values{"error": {test.code}, "state": {"a-state"}, "iss": {p.Config.Issuer}}
				if diff := cmp.Diff(want, answer); diff != "" || to != providertest.RedirectURI {
					t.Errorf("to %s (-want +got):\n%s", to, diff)
				}
			})
		}
	}
}

// OAuth 2.0 Multiple Response Type Encoding Practices §5: an error has the mode
// that a success would have had.
func TestModeOfAnErrorWithoutAUsableMode(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, test := range map[string]struct {
		params     url.Values
		mode, code string
	}{
		"code":                   {params("prompt", "none"), "query", "login_required"},
		"no response_type":       {params("response_type", ""), "query", "invalid_request"},
		"token":                  {params("response_type", "token"), "fragment", "unsupported_response_type"},
		"hybrid":                 {params("response_type", "code id_token"), "fragment", "unauthorized_client"},
		"unknown mode":           {params("response_mode", "web_message"), "query", "invalid_request"},
		"unknown mode, hybrid":   {params("response_type", "id_token", "response_mode", "jwt"), "fragment", "unauthorized_client"},
		"form_post to an app":    {native("redirect_uri", appURI, "response_mode", "form_post"), "query", "invalid_request"},
		"fragment, one redirect": {params("scope", "email", "redirect_uri", "", "max_age", "x", "response_mode", "fragment"), "fragment", "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := p
			if test.params.Get("client_id") == providertest.PublicID {
				p = newProvider(t)
				p.ChangeClient(t, providertest.PublicID, func(m *storage.ClientMetadata) { m.RedirectURIs = []string{appURI} })
			}
			_, answer := answerOf(t, p.Authorize(t, providertest.Browser(t), test.params), test.mode)
			if got := answer.Get("error"); got != test.code {
				t.Errorf("error is %q, want %q", got, test.code)
			}
		})
	}
}

// RFC 6749 §4.2.2.1, OpenID Connect Core §3.2.2.1 and §3.3.2.2: what a request for
// tokens in the front channel must have, and that its errors keep to the fragment.
func TestFrontChannelRequestsAreChecked(t *testing.T) {
	t.Parallel()
	on := newProvider(t)
	off := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.Grants.Implicit = false }})
	for _, p := range []*providertest.Provider{on, off} {
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
			m.ResponseTypes = []string{"code", "id_token", "id_token token", "code token"}
			m.GrantTypes = append(m.GrantTypes, "implicit")
		})
	}
	browser := signedIn(t, on)
	for name, test := range map[string]struct {
		p       *providertest.Provider
		changes []string
		code    string
	}{
		"no nonce":          {on, []string{"response_type", "id_token", "nonce", ""}, "invalid_request"},
		"nonce not needed":  {on, []string{"response_type", "code token", "nonce", ""}, ""},
		"another order":     {on, []string{"response_type", "token id_token"}, ""},
		"no openid":         {on, []string{"response_type", "id_token token", "scope", "email"}, "invalid_scope"},
		"OAuth alone":       {on, []string{"response_type", "code token", "scope", "email"}, ""},
		"not registered":    {on, []string{"response_type", "code id_token"}, "unauthorized_client"},
		"by query":          {on, []string{"response_type", "id_token", "response_mode", "query"}, "invalid_request"},
		"twice the same":    {on, []string{"response_type", "id_token id_token"}, "unsupported_response_type"},
		"no PKCE, no code":  {on, []string{"response_type", "id_token", "code_challenge", "", "code_challenge_method", ""}, ""},
		"no PKCE, but code": {on, []string{"response_type", "code token", "code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"switched off":      {off, []string{"response_type", "id_token"}, "unsupported_response_type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, answer := answerOf(t, test.p.Authorize(t, browser, params(test.changes...)), "fragment")
			if got := answer.Get("error"); got != test.code {
				t.Errorf("error is %q, want %q", got, test.code)
			}
		})
	}
}

// appURI is of a private-use scheme, RFC 8252 §7.1.
const appURI = "com.example.app:/callback"

// RFC 6749 §4.1.2: state comes back exactly as it was sent. How long a client
// makes it is its own affair.
func TestStateComesBackAsSent(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	for name, query := range map[string]string{
		"short":      "&state=x",
		"empty":      "&state=",
		"absent":     "",
		"odd":        "&state=" + url.QueryEscape("a b+c&d=e#f%20\"<script>'é\u2028;"),
		"long":       "&state=" + strings.Repeat("s", 4000),
		"like a URL": "&state=https%3A%2F%2Fevil.example%2F%3Fcode%3D1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			for _, mode := range []string{"query", "fragment", "form_post"} {
				res := p.Get(t, browser, "/authorize?"+params("state", "", "response_mode", mode).Encode()+query)
				_, answer := answerOf(t, res, mode)
				if diff := cmp.Diff(sent["state"], answer["state"]); diff != "" {
					t.Errorf("state by %s (-want +got):\n%s", mode, diff)
				}
			}
		})
	}
}

// Even a state that no form can carry comes back with the error that it is.
func TestStateThatIsNoText(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	const state = "a\r\nSet-Cookie: x=y\x00\xff"
	res := p.Authorize(t, providertest.Browser(t), params("state", state))
	wantError(t, res, "invalid_request")
	if _, q := res.Redirect(t); q.Get("state") != state || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("state is %q, Set-Cookie %q", q.Get("state"), res.Header.Get("Set-Cookie"))
	}
}

// RFC 6749 §3.1.2: a redirect URI's own query is kept.
func TestRedirectURIKeepsItsQuery(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	const uri = "https://app.example/callback?tenant=a%2Fb&x"
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RedirectURIs = []string{uri} })
	browser := providertest.Browser(t)
	p.Code(t, browser, params("redirect_uri", uri))
	for mode, want := range map[string]string{"query": uri + "&code=", "fragment": uri + "#code="} {
		res := p.Authorize(t, browser, params("redirect_uri", uri, "response_mode", mode))
		if got := res.Header.Get("Location"); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: got %s, want %s…", mode, got, want)
		}
	}
	res := p.Authorize(t, browser, params("redirect_uri", uri, "response_mode", "form_post"))
	if to, answer := answerOf(t, res, "form_post"); to != uri || !answer.Has("code") {
		t.Errorf("to %s with %v", to, answer)
	}
}
