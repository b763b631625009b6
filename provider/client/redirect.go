package client

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelodge/gatelodge/storage"
)

// MatchesRedirectURI reports whether the redirect URI is one that the client
// registered: the same string, [RFC 9700 §2.1], but that a native app's
// loopback address may have another port, [RFC 8252 §7.3].
//
// [RFC 9700 §2.1]: https://www.rfc-editor.org/rfc/rfc9700#section-2.1
// [RFC 8252 §7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
func MatchesRedirectURI(c *storage.Client, requested string) bool {
	if slices.Contains(c.Metadata.RedirectURIs, requested) {
		return true
	}
	portless, ok := withoutLoopbackPort(requested)
	return ok && slices.ContainsFunc(c.Metadata.RedirectURIs, func(registered string) bool {
		r, ok := withoutLoopbackPort(registered)
		return ok && r == portless
	})
}

// withoutLoopbackPort takes the port out of an http URI on a loopback address,
// and leaves everything else as it was written.
func withoutLoopbackPort(uri string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if _, err := strconv.ParseUint(host[i+1:], 10, 16); err != nil {
			return "", false
		}
		host = host[:i]
	}
	switch host {
	case "127.0.0.1", "[::1]", "localhost":
		return "http://" + host + path, true
	default:
		return "", false
	}
}

// AnyoneCanListen reports whether the redirect URI leads to a program on the
// person's own device that nothing identifies: a loopback address or a
// private-use scheme, [RFC 8252 §8.6]. Plain http is for loopback only.
//
// [RFC 8252 §8.6]: https://www.rfc-editor.org/rfc/rfc8252#section-8.6
func AnyoneCanListen(redirectURI string) bool {
	u, err := url.Parse(redirectURI)
	return err != nil || u.Scheme != "https"
}
