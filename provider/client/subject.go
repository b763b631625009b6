package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/gatelodge/gatelodge/storage"
)

// Pairwise is the subject_type of a client that knows people by subs of its own,
// [OpenID Connect Core §8].
//
// [OpenID Connect Core §8]: https://openid.net/specs/openid-connect-core-1_0.html#SubjectIDTypes
const Pairwise = "pairwise"

// Subject is the sub that the client knows the person by: their id or, for a
// pairwise client, one that only clients of the same sector know,
// [OpenID Connect Core §8.1]. The key is the person's own salt, since somebody
// who had one key for all and a copy of two clients' tables could join them.
//
// [OpenID Connect Core §8.1]: https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg
func Subject(c *storage.Client, u *storage.User) string {
	if c.Metadata.SubjectType != Pairwise {
		return u.ID
	}
	if len(u.PairwiseSalt) == 0 {
		// Everybody would have the same sub: better no answer at all.
		panic("client: the person has no pairwise salt")
	}
	host, err := SectorHost(c.Metadata)
	if err != nil { // not after Validate
		host = "client:" + c.ID // no host has a colon: a sector of its own
	}
	mac := hmac.New(sha256.New, u.PairwiseSalt)
	mac.Write([]byte(host))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// SectorHost is the sector identifier of a pairwise client: the host of its
// sector_identifier_uri or, without one, that of all its redirect URIs. It fails
// if these have several or none, [OpenID Connect Core §8.1]. Only who has the host
// is reached at https://: a redirect URI with an app's own scheme can name any
// host, and every app is on localhost.
//
// [OpenID Connect Core §8.1]: https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg
func SectorHost(m storage.ClientMetadata) (string, error) {
	uris := m.RedirectURIs
	if m.SectorIdentifierURI != "" {
		uris = []string{m.SectorIdentifierURI}
	}
	var host string
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil || u.Hostname() == "" || m.SectorIdentifierURI == "" && u.Scheme != "https" {
			return "", errors.New("a redirect URI without a host that is its own")
		}
		h := strings.ToLower(u.Hostname())
		if host != "" && h != host {
			return "", errors.New("redirect URIs with different hosts")
		}
		host = h
	}
	if host == "" {
		return "", errors.New("no redirect URI")
	}
	return host, nil
}
