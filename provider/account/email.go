package account

import (
	"context"
	"errors"
	"slices"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// VerifyEmail begins the proof that the person's address is theirs, for [Links.Send].
func (l *Links) VerifyEmail(u *storage.User) Draft {
	return Draft{Purpose: ToVerifyEmail, Entered: u.Claims.Email, UserID: u.ID}
}

// ChangeEmail begins the proof that another address is the person's, for [Links.Send].
// Until it is proved nothing changes. It fails with ErrEmail.
func (l *Links) ChangeEmail(u *storage.User, entered string) (Draft, error) {
	email, err := checkEmail(entered)
	if err != nil {
		return Draft{}, err
	}
	return Draft{Purpose: ToChangeEmail, Entered: email, UserID: u.ID}, nil
}

// CompleteEmail uses a link to verify an address, or to have another one, of which the
// old one is told. It fails with [ErrLink], or with ErrTaken if somebody else has
// got the address by now.
func (l *Links) CompleteEmail(ctx context.Context, found Found, from Origin) error {
	now, before := l.Now(), *found.User
	claims := before.Claims
	claims.Email, claims.EmailVerified = found.Email, true
	w := storage.Write{Change: &storage.UserChange{UserID: before.ID, Claims: &claims}}
	event := EmailVerified
	if found.Purpose == ToChangeEmail {
		identifiers, err := replaced(before.Identifiers, before.Claims.Email, found.Email)
		if err != nil {
			return err
		}
		event, w.Change.Identifiers = EmailChanged, identifiers
		if m := Notice(mail.EmailChanged, &before, from, now); m.To != "" {
			w.Mails = []storage.Mail{l.Mails.Seal(m)}
		}
	}
	w.Activity = []storage.Activity{Happened(before.ID, event, found.ClientID, from, now)}
	err := l.use(ctx, found, w)
	if errors.Is(err, storage.ErrConflict) {
		return ErrTaken
	}
	return err
}

// replaced are the identifiers with one address in place of another.
func replaced(identifiers []string, old, email string) ([]string, error) {
	identifier, err := Normalise(email)
	if err != nil {
		return nil, ErrEmail
	}
	former, _ := Normalise(old)
	others := slices.DeleteFunc(slices.Clone(identifiers), func(i string) bool { return i == former || i == identifier })
	return append(others, identifier), nil
}
