package outbound

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// policy is where calls may lead.
type policy struct {
	allow []netip.Prefix
	http  bool
}

// maxURL bounds an address, and with it the keys of the cache.
const maxURL = 2048

// checkURL says whether the address may be called as far as one can see without
// looking a name up: whether it is https, or http where the settings allow that, has
// a host and no user, and names no network address that calls must not lead to.
// Parsers differ about whatever is written in an unusual way, so that this is
// refused.
//
// A fragment may be there: that of a request_uri says which version of the object is
// meant, [OpenID Connect Core §6.2].
//
// [OpenID Connect Core §6.2]: https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter
func (p policy) checkURL(rawURL string) error {
	if len(rawURL) > maxURL || strings.ContainsFunc(rawURL, unusual) {
		return refused("", "the address is too long or has characters that an address cannot have")
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return refused("", "the address cannot be parsed")
	}
	rest, ok := strings.CutPrefix(rawURL, u.Scheme+"://"+u.Host)
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !p.http):
		return refused(u.Host, "the address is not https")
	case u.User != nil:
		return refused(u.Host, "the address has a user")
	case u.Hostname() == "" || !ok || rest != "" && !strings.Contains("/?#", rest[:1]):
		return refused(u.Host, "the address has no host, or one that is not written plainly")
	}
	return p.checkHost(u)
}

func unusual(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }

// checkHost checks the host's name and port.
func (p policy) checkHost(u *url.URL) error {
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return refused(u.Host, "the address has an impossible port")
		}
	}
	name := u.Hostname()
	if ip, err := netip.ParseAddr(name); err == nil {
		return p.check(u.Scheme, ip)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, letters+"-_") != "" {
			return refused(u.Host, "the host is neither a name nor a network address")
		}
	}
	// Many a parser takes 2130706433, 0x7f.1 and 127.1 for network addresses,
	// and no name ends in a number (the URL Standard, "ends in a number").
	if last := strings.ToLower(labels[len(labels)-1]); strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return refused(u.Host, "the host is a network address that is not written plainly")
	}
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// secure and plain look at each network address before it is connected to, when
// its name has been resolved and nothing can change it any more. They are for
// [net.Dialer.Control].
func (p policy) secure(_, address string, _ syscall.RawConn) error {
	return p.dialing("https", address)
}

func (p policy) plain(_, address string, _ syscall.RawConn) error { return p.dialing("http", address) }

func (p policy) dialing(scheme, address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return refused("", "its network address is unknown")
	}
	return p.check(scheme, a.Addr())
}

// check decides whether a call may lead to the network address.
func (p policy) check(scheme string, ip netip.Addr) error {
	ip = ip.WithZone("").Unmap()
	contains := func(n netip.Prefix) bool { return n.Contains(ip) }
	switch {
	case slices.ContainsFunc(p.allow, contains):
		return nil
	case scheme == "http":
		return refused(ip.String(), "plain http is for allowed networks only")
	case !slices.ContainsFunc(public, contains) || slices.ContainsFunc(special, contains):
		return refused(ip.String(), "the network address is not a public one")
	}
	return nil
}

// public is where public addresses are: of IPv6 only what IANA gives out as
// global unicast. Outside of it are loopback, link-local and unique local
// addresses, multicast, NAT64 and the IPv4-compatible and IPv4-translated ones.
var public = prefixes("0.0.0.0/0", "2000::/3") //nolint:gochecknoglobals // does not change

// special is what among them is not, by the IANA registries of special-purpose
// addresses ([RFC 6890]), or leads to an IPv4 address within: 6to4, Teredo.
//
// [RFC 6890]: https://www.rfc-editor.org/rfc/rfc6890
var special = prefixes( //nolint:gochecknoglobals // does not change
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",           // Azure's metadata service
	"2001::/23", "2001:db8::/32", // protocol assignments with Teredo, documentation
	"2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

func refused(host, why string) error {
	if host == "" {
		return fmt.Errorf("%w: %s", ErrRefused, why)
	}
	return fmt.Errorf("%s %w: %s", host, ErrRefused, why)
}
