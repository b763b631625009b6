package account

import (
	"cmp"
	"math"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatelodge/gatelodge/storage"
)

// MinPassword is how many characters a password has at least that somebody chooses,
// unless [Policy] demands more: what [NIST SP 800-63B-4 §3.1.1.2] demands of one that
// can be used with a second factor.
//
// [NIST SP 800-63B-4 §3.1.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
const MinPassword = 8

// guessable is how many guesses a password must take at least: with a known name on
// it an attacker who is throttled gets to some thousands.
const guessable = 1e6

// PasswordError is why a password may not be chosen. Each of them is [ErrPassword].
type PasswordError string

// The faults.
const (
	ErrPasswordUnusable PasswordError = "unusable" // empty, too long, or not a text: CheckPassword
	ErrPasswordShort    PasswordError = "short"
	ErrPasswordCommon   PasswordError = "common"   // others use it, or something like it
	ErrPasswordPersonal PasswordError = "personal" // it is hardly more than a name or address of theirs or ours
	ErrPasswordSimple   PasswordError = "simple"   // a sequence, a date, or the same again and again
)

// Error says it to an operator. It does not repeat the password.
func (f PasswordError) Error() string {
	switch f {
	case ErrPasswordShort:
		return "password: has fewer characters than accounts.min_password"
	case ErrPasswordCommon:
		return "password: is one that many people use, or much like one"
	case ErrPasswordPersonal:
		return "password: is hardly more than the name or address of the person or of the product"
	case ErrPasswordSimple:
		return "password: is a sequence, a date or a repetition"
	default:
		return "password: is empty, too long or not a text"
	}
}

// Is makes every fault an [ErrPassword].
func (f PasswordError) Is(target error) bool { return target == ErrPassword }

// Policy is which passwords people may choose. There are no rules on what they are
// composed of, and they do not expire, [NIST SP 800-63B-4 §3.1.1.2]: they must be long
// enough, and not easy to guess.
//
// [NIST SP 800-63B-4 §3.1.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
type Policy struct {
	// MinLength is in characters: MinPassword if 0.
	MinLength int
	// Product is what the provider is called and where it is, which is on every
	// page and therefore an easy guess.
	Product []string
}

// Least is how many characters a password has at least.
func (p Policy) Least() int { return cmp.Or(p.MinLength, MinPassword) }

// Check reports what keeps the person from choosing the password, as a PasswordError.
// About is what is known of them: names, e-mail addresses. Every door at which a
// password is chosen asks this one.
func (p Policy) Check(password string, about ...string) error {
	if CheckPassword(password) != nil {
		return ErrPasswordUnusable
	}
	if utf8.RuneCountInString(norm.NFC.String(password)) < p.Least() {
		return ErrPasswordShort
	}
	switch verdict := judge(password, wordsOf(p.known(about))); {
	case verdict.bits >= math.Log2(guessable):
		return nil
	case verdict.about:
		return ErrPasswordPersonal
	case verdict.common:
		return ErrPasswordCommon
	default:
		return ErrPasswordSimple
	}
}

// About is what a password of the user's must not consist of.
func About(u storage.User) []string {
	c := u.Claims
	return append([]string{c.Name, c.GivenName, c.FamilyName, c.Nickname, c.PreferredUsername, c.Email}, u.Identifiers...)
}

// Strength is [Strength], for somebody who knows whose page it is.
func (p Policy) Strength(password string, about ...string) int {
	return Strength(password, p.known(about)...)
}

func (p Policy) known(about []string) []string {
	return append(append([]string{"gatelodge"}, p.Product...), about...)
}
