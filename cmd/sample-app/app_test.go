package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/seed"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/resource"
)

// sample is the app with its default settings, the demo's provider and an API.
type sample struct {
	*httptest.Server
	app      *app
	provider *providertest.Provider
}

func newSample(t *testing.T) *sample {
	t.Helper()
	var o options
	parser, err := kong.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	s := &sample{provider: demo(t)}
	o.Issuer = s.provider.Config.Issuer
	s.app = newApp(o)
	s.Server = httptest.NewServer(s.app.routes())
	t.Cleanup(s.Close)
	s.app.URL = s.URL // on loopback any port will do
	s.app.http.Transport = reaches(t, strings.TrimPrefix(o.API, "http://"), newAPI(t, o))
	return s
}

// demo is a provider with the data of gatelodge dev.
func demo(t *testing.T) *providertest.Provider {
	t.Helper()
	p := providertest.New(t, providertest.Options{})
	hasher, err := account.NewHasher(account.Argon2{MemoryKiB: 8, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	applier := &seed.Applier{
		Store: p.Store, Secrets: p.Secrets, Hasher: hasher, Now: p.Clock.Now,
		Policy: provider.ClientPolicy(p.Config), KeepUsers: true,
	}
	if _, err := applier.Apply(t.Context(), seed.Demo()); err != nil {
		t.Fatal(err)
	}
	return p
}

// newAPI is an API that tells callers who they are. It returns its address.
func newAPI(t *testing.T, o options) (addr string) {
	t.Helper()
	v, err := resource.New(resource.Config{Issuer: o.Issuer, Audience: o.API})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(v.Require("profile.read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := resource.FromContext(r.Context())
		_ = json.NewEncoder(w).Encode(map[string]string{"known_to_the_api": token.Subject, "path": r.URL.Path})
	})))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// reaches returns a transport that connects to one address instead of another.
func reaches(t *testing.T, addr, instead string) *http.Transport {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if to == addr {
				to = instead
			}
			return new(net.Dialer).DialContext(ctx, network, to)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func (s *sample) get(t *testing.T, c *http.Client, path string) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Do(t, c, r)
}

func (s *sample) post(t *testing.T, c *http.Client, path string) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Do(t, c, r)
}

// answer presses "Sign in" and goes through the provider's pages. It returns the
// path and the parameters that the browser comes back with.
func (s *sample) answer(t *testing.T, c *http.Client) (path string, q url.Values) {
	t.Helper()
	at, params := s.post(t, c, "/sign-in").Redirect(t)
	if at != s.provider.Config.Issuer+"/authorize" {
		t.Fatalf("sent to %s", at)
	}
	back, q := s.provider.SignIn(t, c, params).Redirect(t)
	return strings.TrimPrefix(back, s.URL), q
}

func (s *sample) signIn(t *testing.T, c *http.Client) {
	t.Helper()
	path, q := s.answer(t, c)
	if res := s.get(t, c, path+"?"+q.Encode()); res.Header.Get("Location") != "/" {
		t.Fatalf("callback: %d %s", res.StatusCode, res.Body)
	}
}

// The whole round with the demo's data: sign in, be told by the ID token, by
// userinfo and by the API, refresh, sign out.
func TestSampleSignsInAndCallsTheAPI(t *testing.T) {
	t.Parallel()
	s, c := newSample(t), providertest.Browser(t)
	if body := s.get(t, c, "/").Body; !strings.Contains(body, ">Sign in<") {
		t.Errorf("before: %s", body)
	}
	s.signIn(t, c)
	told := []string{"preferred_username", "Alex Sample", "known_to_the_api", providertest.UserID, "/users/me"}
	for _, moment := range []string{"signed in", "refreshed"} {
		body := s.get(t, c, "/").Body
		for _, want := range told {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in %s", moment, want, body)
			}
		}
		if res := s.post(t, c, "/refresh"); res.Header.Get("Location") != "/" {
			t.Errorf("refresh: %d %s", res.StatusCode, res.Body)
		}
	}
	s.post(t, c, "/sign-out")
	if body := s.get(t, c, "/").Body; strings.Contains(body, providertest.UserID) {
		t.Errorf("after: %s", body)
	}
}

// RFC 6749 §10.12, RFC 9207 §2.4: nobody is signed in with somebody else's answer.
func TestForeignAnswersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	for name, test := range map[string]struct {
		signedIn bool
		change   func(url.Values)
		status   int
	}{
		"as it should be":         {false, func(url.Values) {}, http.StatusSeeOther},
		"another state":           {false, func(q url.Values) { q.Set("state", "x") }, http.StatusBadRequest},
		"no state":                {false, func(q url.Values) { q.Del("state") }, http.StatusBadRequest},
		"no state, but signed in": {true, func(q url.Values) { q.Del("state") }, http.StatusBadRequest},
		"another issuer":          {false, func(q url.Values) { q.Set("iss", "https://evil.example") }, http.StatusBadRequest},
		"another code":            {false, func(q url.Values) { q.Set("code", "x") }, http.StatusBadGateway},
		"a refusal":               {false, func(q url.Values) { q.Set("error", "access_denied") }, http.StatusForbidden},
	} {
		c := providertest.Browser(t)
		path, q := s.answer(t, c)
		if test.signedIn {
			if res := s.get(t, c, path+"?"+q.Encode()); res.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: %d", name, res.StatusCode)
			}
		}
		test.change(q)
		if res := s.get(t, c, path+"?"+q.Encode()); res.StatusCode != test.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Body)
		}
	}
	_, q := s.answer(t, providertest.Browser(t))
	if res := s.get(t, providertest.Browser(t), "/callback?"+q.Encode()); res.StatusCode != http.StatusBadRequest {
		t.Errorf("in another browser: %d", res.StatusCode)
	}
}

// The app runs before the provider does, and says what it waits for.
func TestSampleWaitsForTheProvider(t *testing.T) {
	t.Parallel()
	s, c := newSample(t), providertest.Browser(t)
	issuer := s.app.Issuer
	s.app.Issuer = "http://127.0.0.1:1"
	if res := s.get(t, c, "/"); res.StatusCode != http.StatusOK {
		t.Errorf("home: %d", res.StatusCode)
	}
	res := s.post(t, c, "/sign-in")
	if res.StatusCode != http.StatusBadGateway || !strings.Contains(res.Body, "http://127.0.0.1:1 does not answer yet") {
		t.Errorf("%d %s", res.StatusCode, res.Body)
	}
	s.app.Issuer = issuer
	s.signIn(t, c)
}

// The forms of the app are its own.
func TestOtherSitesCannotPressTheButtons(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := providertest.Do(t, s.Client(), r); res.StatusCode != http.StatusForbidden {
		t.Errorf("%d", res.StatusCode)
	}
}
