package outbound_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/provider/outbound"
)

func TestAddressesThatCanBeCalled(t *testing.T) {
	t.Parallel()
	c, err := outbound.New(outbound.Config{
		HTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for address, right := range map[string]bool{
		"https://app.example":                               true,
		"https://app.example/jwks.json":                     true,
		"https://app.example:8443/jwks?tenant=1":            true,
		"https://app.example?x":                             true,
		"https://xn--bcher-kva.example/":                    true,
		"https://93.184.215.14/":                            true,
		"https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/": true,
		"https://10.1.2.3/":                                 true,
		"https://[fd00:1::2]:443/":                          true,
		"http://10.1.2.3/":                                  true,
		"http://app.example/":                               true, // where it leads to is looked at when it is called
		"http://93.184.215.14/":                             false,
		"https://10.2.0.1/":                                 false,
		"https://127.0.0.1/":                                false,
		"https://127.1/":                                    false,
		"https://0x7f.1/":                                   false,
		"https://2130706433/":                               false,
		"https://0177.0.0.01/":                              false,
		"https://app.example.1/":                            false,
		"https://[::1]/":                                    false,
		"https://[::ffff:10.2.0.1]/":                        false,
		"https://[::ffff:10.1.0.1]/":                        true,
		"https://[fe80::1%25eth0]/":                         false,
		"https://[fd00:1::2%25eth0]/":                       false,
		"https://[fd00:2::2]/":                              false,
		"https://[64:ff9b::1]/":                             false,
		"https://[2002:a00::1]/":                            false,
		"https://[2001::1]/":                                false,
		"https://[ff02::1]/":                                false,
		"":                                                  false,
		"/jwks":                                             false,
		"//app.example/jwks":                                false,
		"app.example/jwks":                                  false,
		"https:app.example":                                 false,
		"https:///jwks":                                     false,
		"https://:443/":                                     false,
		"https://app.example:/":                             false,
		"https://app.example:0/":                            false,
		"https://app.example:65536/":                        false,
		"https://app.example:80a/":                          false,
		"https://user@app.example/":                         false,
		"https://app.example@10.2.0.1/":                     false,
		"https://@app.example/":                             false,
		"https://app.example/object#hash":                   true,
		"https://app.example\\@evil.example/":               false,
		"https://app.example/a b":                           false,
		"https://app.example/\r\nX: y":                      false,
		"https://app.example/\x00":                          false,
		"https://b\u00fccher.example/":                      false,
		"https://%61pp.example/":                            false,
		"https://app..example/":                             false,
		"https://app.example./":                             false,
		"https://*.app.example/":                            false,
		"HTTPS://app.example/":                              false,
		"ftp://app.example/":                                false,
		"file:///etc/passwd":                                false,
		"javascript:alert(1)":                               false,
		"data:text/plain,x":                                 false,
		"https://app.example/" + strings.Repeat("x", 2048):  false,
	} {
		if err := c.Check(address); (err == nil) != right {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// Whatever passes is called at the host that one reads.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"https://app.example/jwks?x=y", "https://[::ffff:127.0.0.1]:8443", "https://a@b", "https://a:80@b/",
		"https://2130706433", "https://a\\@b", "https://a%2fb", "http://10.0.0.1",
	} {
		f.Add(seed)
	}
	c, err := outbound.New(outbound.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if c.Check(address) != nil {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatalf("%q passes and cannot be called: %v", address, err)
		}
		host, _, _ := strings.Cut(strings.TrimPrefix(address, "https://"), "/")
		host, _, _ = strings.Cut(host, "?")
		host, _, _ = strings.Cut(host, "#")
		if req.URL.Scheme != "https" || req.URL.Host != host || req.Host != host || strings.ContainsAny(host, "@\\") {
			t.Errorf("%q would be called at %q", address, req.URL.Host)
		}
		if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && (ip.IsLoopback() || ip.IsPrivate()) {
			t.Errorf("%q passes", address)
		}
	})
}
