package web

import (
	"net/url"
	"strings"
)

// Origin returns the origin of a web address as browsers write it, in lower case and
// without the scheme's own port; "" if it is no web address.
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	return u.Scheme + "://" + host
}
