package web_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/gatelodge/gatelodge/internal/web"
)

// Whoever connects can write what they like into X-Forwarded-For: only what a
// trusted proxy has added to it counts.
func TestForwardedForCountsOnlyFromTrustedProxies(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                          {"192.0.2.1:5000", nil, "192.0.2.1"},
		"a stranger's header":               {"192.0.2.1:5000", []string{"203.0.113.9"}, "192.0.2.1"},
		"a stranger who names a proxy":      {"192.0.2.1:5000", []string{"203.0.113.9, 10.0.0.1"}, "192.0.2.1"},
		"a proxy":                           {"10.0.0.1:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		"a proxy over IPv6":                 {"[fd00::1]:5000", []string{"2001:db8::7"}, "2001:db8::7"},
		"a proxy that says nothing":         {"10.0.0.1:5000", nil, "10.0.0.1"},
		"a visitor who forged a hop":        {"10.0.0.1:5000", []string{"198.51.100.4, 203.0.113.9"}, "203.0.113.9"},
		"a visitor who forged a proxy":      {"10.0.0.1:5000", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"two proxies":                       {"10.0.0.1:5000", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"two headers":                       {"10.0.0.1:5000", []string{"198.51.100.4", "203.0.113.9"}, "203.0.113.9"},
		"an address within IPv6":            {"[::ffff:10.0.0.1]:5000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"no address":                        {"10.0.0.1:5000", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		"an address with a port":            {"10.0.0.1:5000", []string{"203.0.113.9:4000"}, "10.0.0.1"},
		"a connection that has no address":  {"@", []string{"203.0.113.9"}, "invalid IP"},
		"only proxies, as for their checks": {"10.0.0.1:5000", []string{"10.0.0.2"}, "10.0.0.2"},
	}
	for name, test := range tests {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		r.Header.Set("Forwarded", "for=198.51.100.99")
		r.Header.Set("X-Real-Ip", "198.51.100.98")
		if got := web.ClientAddr(r, trusted).String(); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
