package account

import (
	"errors"

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

// PasswordProblem is what the pages say of a password that may not be chosen:
// [PasswordError], or any other reason.
func PasswordProblem(err error) consentui.Problem {
	fault, _ := errors.AsType[PasswordError](err)
	switch fault {
	case ErrPasswordShort:
		return consentui.ProblemPasswordShort
	case ErrPasswordCommon:
		return consentui.ProblemPasswordCommon
	case ErrPasswordPersonal:
		return consentui.ProblemPasswordPersonal
	case ErrPasswordSimple:
		return consentui.ProblemPasswordSimple
	default:
		return consentui.ProblemPassword
	}
}
