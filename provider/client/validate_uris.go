package client

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/storage"
)

// redirectURIs checks where people can be sent back to, with the rules for the
// application_type of [OpenID Connect Registration §2] if that is known. Native
// applications may have https too, [RFC 8252 §7.2], which came later.
//
// [OpenID Connect Registration §2]: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata
// [RFC 8252 §7.2]: https://www.rfc-editor.org/rfc/rfc8252#section-7.2
func (v *validation) redirectURIs(m storage.ClientMetadata, p Policy) {
	for _, uri := range m.RedirectURIs {
		problem := redirectProblem(uri)
		if problem == "" && m.ApplicationType == "web" {
			problem = webProblem(uri, m, p)
		}
		if problem != "" {
			v.fault("redirect_uris", uri, problem)
		}
	}
	for _, uri := range m.PostLogoutRedirectURIs {
		if problem := redirectProblem(uri); problem != "" {
			v.fault("post_logout_redirect_uris", uri, problem)
		}
	}
}

// webProblem says why a good redirect URI is none for a web application. Plain
// http on this machine is left to the code flow, for development.
func webProblem(uri string, m storage.ClientMetadata, p Policy) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http":
		return "must be https, since the application_type is web"
	case p.Loopback || !slices.Contains(m.GrantTypes, "implicit"):
		return ""
	case u.Scheme != "https" || isLoopback(u.Hostname()):
		return "must be https and not on this machine, for a web application with the grant type implicit"
	}
	return ""
}

// redirectProblem says why a redirect URI cannot be registered, [RFC 9700 §2.1]
// and [RFC 8252 §7]; "" if it can.
//
// [RFC 9700 §2.1]: https://www.rfc-editor.org/rfc/rfc9700#section-2.1
// [RFC 8252 §7]: https://www.rfc-editor.org/rfc/rfc8252#section-7
func redirectProblem(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs() || strings.ContainsFunc(uri, unprintable):
		return "is not an absolute URI"
	case strings.ContainsFunc(uri+u.Host, beyondASCII):
		// RFC 3986 §2, and people compare the host with the one that they know.
		return "must be ASCII, in a host with xn--"
	case strings.Contains(uri, "#"):
		return "must not have a fragment"
	case hasUser(u):
		return "must not have a user"
	case strings.Contains(uri, "*"):
		return "must not have a wildcard: each URI is registered by itself"
	case !lowerScheme(u, uri):
		return "must have its scheme in lower case"
	case u.Scheme == "https" && u.Hostname() != "":
		return ""
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	case u.Scheme == "http" || u.Scheme == "https":
		return "must be https, or http on 127.0.0.1, [::1] or localhost"
	case !strings.Contains(u.Scheme, "."):
		return "must be https, or have a scheme of the app's own with a dot in it, such as com.example.app"
	}
	return ""
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }

func beyondASCII(r rune) bool { return r > '~' }

func hasUser(u *url.URL) bool { return u.User != nil || strings.Contains(u.Host, "@") }

func lowerScheme(u *url.URL, uri string) bool { return u.Scheme == strings.SplitN(uri, ":", 2)[0] }

func isLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// uris checks the other addresses: those that pages link to, and those that we
// fetch ourselves.
func (v *validation) uris(m storage.ClientMetadata, p Policy) {
	for _, link := range [...]struct{ member, uri string }{
		{"client_uri", m.ClientURI}, {"policy_uri", m.PolicyURI}, {"tos_uri", m.TosURI},
	} {
		if link.uri != "" && !isWeb(link.uri, true) {
			v.fault(link.member, link.uri, "must be a web address")
		}
	}
	// Where a sign-in begins at the request of others: OpenID Connect Core §4.
	if m.InitiateLoginURI != "" && !isWeb(m.InitiateLoginURI, false) {
		v.fault("initiate_login_uri", m.InitiateLoginURI, "must be https")
	}
	for _, fetched := range [...]struct{ member, uri string }{
		{"logo_uri", m.LogoURI}, {"jwks_uri", m.JWKSURI}, {"sector_identifier_uri", m.SectorIdentifierURI},
	} {
		if fetched.uri != "" {
			v.fetched(fetched.member, fetched.uri, p)
		}
	}
	for _, uri := range m.RequestURIs { // a fragment is its version: OpenID Connect Core §6.2
		v.fetched("request_uris", uri, p)
	}
}

func (v *validation) fetched(member, uri string, p Policy) {
	switch {
	case isWeb(uri, p.HTTP):
	case p.HTTP:
		v.fault(member, uri, "must be https or http")
	default:
		v.fault(member, uri, "must be https")
	}
}

// isWeb reports whether the URI is an address on the web, by https or else, if
// that is allowed, by http. A user in it only ever misleads.
func isWeb(uri string, http bool) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Hostname() != "" && !hasUser(u) && !strings.ContainsFunc(uri, unprintable) &&
		(u.Scheme == "https" || http && u.Scheme == "http")
}

// logout checks where the client hears of the end of a session, by a call of
// ours ([Back-Channel Logout §2.2]) or in the browser ([Front-Channel Logout §2]),
// where the page must be from where people are sent back to.
//
// [Back-Channel Logout §2.2]: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration
// [Front-Channel Logout §2]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout
func (v *validation) logout(m storage.ClientMetadata, p Policy) {
	if uri := m.BackchannelLogoutURI; uri != "" {
		v.fetched("backchannel_logout_uri", uri, p)
		v.noFragment("backchannel_logout_uri", uri)
	}
	if uri := m.FrontchannelLogoutURI; uri != "" {
		v.noFragment("frontchannel_logout_uri", uri)
		if !isWeb(uri, true) || !HasOrigin(m, web.Origin(uri)) {
			v.fault("frontchannel_logout_uri", uri, "must have scheme, host and port of one of the redirect_uris")
		}
	}
}

func (v *validation) noFragment(member, uri string) {
	if strings.Contains(uri, "#") {
		v.fault(member, uri, "must not have a fragment")
	}
}
