package seed

import (
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/gatelodge/gatelodge/storage"
)

// maxClaim is the longest claim, in bytes.
const maxClaim = 1024

// zone is the form of a name in the time zone database. Whether there is such a
// zone is not checked: not every machine has the database.
var zone = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// claims checks a person's claims, [OpenID Connect Core §5.1], so that no
// application gets what it cannot read.
//
// [OpenID Connect Core §5.1]: https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
func (p *parser) claims(key string, c *storage.Claims) {
	for _, claim := range [...]struct {
		name, value string
		right       func(string) bool
		want        string
	}{
		{"name", c.Name, isLine, line},
		{"given_name", c.GivenName, isLine, line},
		{"family_name", c.FamilyName, isLine, line},
		{"middle_name", c.MiddleName, isLine, line},
		{"nickname", c.Nickname, isLine, line},
		{"preferred_username", c.PreferredUsername, isLine, line},
		{"gender", c.Gender, isLine, line},
		{"phone_number", c.PhoneNumber, isLine, line},
		{"profile", c.Profile, isURL, "must be a web address"},
		{"picture", c.Picture, isURL, "must be a web address"},
		{"website", c.Website, isURL, "must be a web address"},
		{"email", c.Email, isEmail, "must be an e-mail address"},
		{"birthdate", c.Birthdate, isBirthdate, "must be YYYY-MM-DD, 0000-MM-DD without the year, or YYYY"},
		{"zoneinfo", c.Zoneinfo, zone.MatchString, "must be a time zone such as Europe/Paris"},
		{"locale", c.Locale, isLocale, "must be a language tag such as en-US"},
	} {
		if claim.value != "" && (!claim.right(claim.value) || len(claim.value) > maxClaim) {
			p.fault(key+"."+claim.name, "%s, is %q", claim.want, claim.value)
		}
	}
	if c.Address != nil {
		p.address(key+".address", c.Address)
	}
}

// address checks an address, whose lines may be several, §5.1.1.
func (p *parser) address(key string, a *storage.Address) {
	for _, member := range [...]struct{ name, value string }{
		{"formatted", a.Formatted},
		{"street_address", a.StreetAddress},
		{"locality", a.Locality},
		{"region", a.Region},
		{"postal_code", a.PostalCode},
		{"country", a.Country},
	} {
		if !isLine(strings.NewReplacer("\r\n", " ", "\n", " ").Replace(member.value)) {
			p.fault(key+"."+member.name, "must be text of at most %d bytes, is %q", maxClaim, member.value)
		}
	}
}

const line = "must be one line of text, 1024 bytes at most"

func isLine(s string) bool { return len(s) <= maxClaim && !strings.ContainsFunc(s, unicode.IsControl) }

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// isEmail looks only for what a mistake in the file leaves out: which addresses
// there are is for mail servers to know.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return isLine(s) && at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t")
}

// isBirthdate: the year 0, which stands for none, is a leap year.
func isBirthdate(s string) bool {
	_, date := time.Parse(time.DateOnly, s)
	_, year := time.Parse("2006", s)
	return date == nil || year == nil && s != "0000"
}

func isLocale(s string) bool {
	_, err := language.Parse(s)
	return err == nil && !strings.Contains(s, "_")
}
