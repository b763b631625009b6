// Package claims owns which claims about a person a scope or the parameter claims
// releases, to the ID token and userinfo alike, and what is said of how they signed
// in. It does not own the claims themselves, which are the person's record.
package claims

import (
	"github.com/gatelodge/gatelodge/storage"
)

// Scopes are the scopes with a meaning of their own, [OpenID Connect Core §5.4]
// and §11.
//
// [OpenID Connect Core §5.4]: https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims
func Scopes() []string {
	return []string{"openid", "profile", "email", "address", "phone", "offline_access"}
}

// Supported are the names of all claims that the scopes release, for discovery.
func Supported() []string {
	return []string{
		"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
		"profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
		"email", "email_verified", "address", "phone_number", "phone_number_verified",
	}
}

// Add puts the claims that the scopes release into the set: those that the
// person has a value for, [OpenID Connect Core §5.3.2].
//
// [OpenID Connect Core §5.3.2]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
func Add(set map[string]any, user *storage.User, scopes []string) {
	c := &user.Claims
	for _, scope := range scopes {
		switch scope {
		case "profile":
			profile(set, c)
			set["updated_at"] = user.UpdatedAt.Unix()
		case "email":
			if c.Email != "" {
				set["email"], set["email_verified"] = c.Email, c.EmailVerified
			}
		case "phone":
			if c.PhoneNumber != "" {
				set["phone_number"], set["phone_number_verified"] = c.PhoneNumber, c.PhoneNumberVerified
			}
		case "address":
			if c.Address != nil {
				set["address"] = c.Address
			}
		}
	}
}

func profile(set map[string]any, c *storage.Claims) {
	for _, claim := range [...]struct{ name, value string }{
		{"name", c.Name},
		{"given_name", c.GivenName},
		{"family_name", c.FamilyName},
		{"middle_name", c.MiddleName},
		{"nickname", c.Nickname},
		{"preferred_username", c.PreferredUsername},
		{"profile", c.Profile},
		{"picture", c.Picture},
		{"website", c.Website},
		{"gender", c.Gender},
		{"birthdate", c.Birthdate},
		{"zoneinfo", c.Zoneinfo},
		{"locale", c.Locale},
	} {
		if claim.value != "" {
			set[claim.name] = claim.value
		}
	}
}
