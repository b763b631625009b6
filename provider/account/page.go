package account

import (
	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/storage"
)

// Page is the person as the pages show them.
func Page(u *storage.User) consentui.Person {
	p := consentui.Person{Name: u.Claims.Name, Identifier: u.Claims.Email}
	if p.Identifier == "" {
		p.Identifier = u.Claims.PreferredUsername
	}
	return p
}
