package client

import (
	"regexp"
	"strings"

	"github.com/gatelodge/gatelodge/storage"
)

// AccountID is the client_id of our own pages about a person's account. People sign
// in to them through the authorization endpoint like to any other application, and
// so by the same rules; but the client is in no database: nothing is ever granted to
// it, and no other endpoint knows it.
const AccountID = "gatelodge-account"

// Account is the client with the [AccountID]. It asks for no more than that the
// person is signed in: response_type none, [OAuth 2.0 Multiple Response Types §4].
//
// [OAuth 2.0 Multiple Response Types §4]: https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#none
func Account() *storage.Client {
	return &storage.Client{ID: AccountID, Metadata: storage.ClientMetadata{
		ResponseTypes: []string{"none"}, Scope: "openid", SkipConsent: true, TokenEndpointAuthMethod: "none",
	}}
}

// accountPath is /account or an address below it, written in one way.
var accountPath = regexp.MustCompile(`^/account(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_=&-]*)?$`)

// LeadsToAccount reports whether the address is one of our own pages about a
// person's account.
func LeadsToAccount(issuer, address string) bool {
	path, ours := strings.CutPrefix(address, issuer)
	return ours && accountPath.MatchString(path)
}
