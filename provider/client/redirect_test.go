package client_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// RFC 9700 §2.1: the redirect URI is the registered string, and nothing that a
// parser, a proxy or a browser could take for it.
func TestRedirectURIMatchesExactly(t *testing.T) {
	t.Parallel()
	registered := &storage.Client{Metadata: storage.ClientMetadata{RedirectURIs: []string{
		"https://app.example/callback", "https://app.example/with?tenant=1", "com.example.app:/callback",
	}}}
	for uri, want := range map[string]bool{
		"https://app.example/callback":                    true,
		"https://app.example/with?tenant=1":               true,
		"com.example.app:/callback":                       true,
		"":                                                false,
		"http://app.example/callback":                     false,
		"HTTPS://app.example/callback":                    false,
		"https://APP.example/callback":                    false,
		"https://app.example/Callback":                    false,
		"https://app.example/callback/":                   false,
		"https://app.example/":                            false,
		"https://app.example":                             false,
		"https://app.example:443/callback":                false,
		"https://app.example:8443/callback":               false,
		"https://app.example./callback":                   false,
		"https://app.example/callback?":                   false,
		"https://app.example/callback?next=1":             false,
		"https://app.example/callback#":                   false,
		"https://app.example/callback#fragment":           false,
		"https://app.example/with?tenant=2":               false,
		"https://app.example/with?tenant=1&tenant=2":      false,
		"https://app.example/other":                       false,
		"https://app.example/callback/../other":           false,
		"https://app.example/x/../callback":               false,
		"https://app.example/..;/callback":                false,
		"https://app.example/callback/..;/other":          false,
		"https://app.example/%63allback":                  false,
		"https://app.example/%2e/callback":                false,
		"https://app.example//callback":                   false,
		"https://app.example\\callback":                   false,
		"https://user@app.example/callback":               false,
		"https://app.example@evil.example/callback":       false,
		"https://app.example@@evil.example/callback":      false,
		"https://evil.example/https://app.example/":       false,
		"https://app.example.evil.example/callback":       false,
		"https://evilapp.example/callback":                false,
		"//app.example/callback":                          false,
		"/callback":                                       false,
		" https://app.example/callback":                   false,
		"https://app.example/callback ":                   false,
		"https://app.example/callback\r\nX-Injected: yes": false,
		"https://app.example/callback\x00":                false,
		"javascript:alert(1)//https://app.example":        false,
		"data:text/html,https://app.example/callback":     false,
		"com.example.app://callback":                      false,
		"com.example.app:/callback/":                      false,
	} {
		if got := client.MatchesRedirectURI(registered, uri); got != want {
			t.Errorf("%q matches: %v, want %v", uri, got, want)
		}
	}
}

// RFC 8252 §7.3: a native app listens on whatever port it gets. Scheme, host and
// path are as registered.
func TestOnLoopbackOnlyThePortMayVary(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]bool{
		"http://127.0.0.1/callback": {
			"http://127.0.0.1/callback":                     true,
			"http://127.0.0.1:1/callback":                   true,
			"http://127.0.0.1:65535/callback":               true,
			"http://127.0.0.1:65536/callback":               false,
			"http://127.0.0.1:/callback":                    false,
			"http://127.0.0.1:-1/callback":                  false,
			"http://127.0.0.1:+1/callback":                  false,
			"http://127.0.0.1:80a/callback":                 false,
			"http://127.0.0.1:8080/other":                   false,
			"http://127.0.0.1:8080/callback/":               false,
			"http://127.0.0.1:8080/callback?x=1":            false,
			"http://127.0.0.1:8080/callback#":               false,
			"http://127.0.0.1:8080":                         false,
			"https://127.0.0.1:8080/callback":               false,
			"HTTP://127.0.0.1:8080/callback":                false,
			"http://127.0.0.2:8080/callback":                false,
			"http://127.1:8080/callback":                    false,
			"http://2130706433:8080/callback":               false,
			"http://localhost:8080/callback":                false,
			"http://[::1]:8080/callback":                    false,
			"http://[127.0.0.1]:8080/callback":              false,
			"http://[127.0.0.1:8080/callback":               false,
			"http://user@127.0.0.1:8080/callback":           false,
			"http://127.0.0.1:8080@evil.example/callback":   false,
			"http://127.0.0.1:80:80/callback":               false,
			"http://127.0.0.1:8080\\@evil.example/callback": false,
			"http://127.0.0.1.evil.example:8080/callback":   false,
			"http://evil.example:8080/callback":             false,
		},
		"http://[::1]:4000/callback?app=1": {
			"http://[::1]/callback?app=1":      true,
			"http://[::1]:5000/callback?app=1": true,
			"http://::1/callback?app=1":        false,
			"http://::1:5000/callback?app=1":   false,
			"http://[::1]:5000/callback":       false,
			"http://[::1%25lo]:5000/callback":  false,
		},
		"http://localhost:3000": {
			"http://localhost:4000":              true,
			"http://localhost:4000/":             false,
			"http://localhost.evil.example:4000": false,
			"http://LOCALHOST:4000":              false,
		},
		"http://app.example:3000/": {"http://app.example:4000/": false},
		"https://127.0.0.1:3000/":  {"https://127.0.0.1:4000/": false},
	}
	for registered, requests := range tests {
		c := &storage.Client{Metadata: storage.ClientMetadata{RedirectURIs: []string{registered}}}
		for uri, want := range requests {
			if got := client.MatchesRedirectURI(c, uri); got != want {
				t.Errorf("%q matches %q: %v, want %v", uri, registered, got, want)
			}
		}
	}
}
