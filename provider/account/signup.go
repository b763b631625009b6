package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/gatelodge/gatelodge/storage"
)

// What is wrong with what somebody entered, or that they ask too often.
var (
	ErrName     = errors.New("the name is missing or too long")
	ErrEmail    = errors.New("not an e-mail address")
	ErrPassword = errors.New("the password may not be chosen") // a PasswordError says why
	ErrTaken    = errors.New("somebody has an account with that e-mail address")
	ErrTooMany  = errors.New("the network asked for too many mails")
)

// SignUp is what somebody who wants an account enters.
type SignUp struct {
	Name, Email, Password string
}

// BeginSignUp checks what an account is to be made of, and returns it for
// [Links.Send]. It makes none: whoever does not read the mail has done nothing to
// whose address it is. It fails with ErrName, ErrEmail, ErrPassword, ErrTooMany or
// [ErrBusy].
func (l *Links) BeginSignUp(ctx context.Context, s SignUp, from Origin) (Draft, error) {
	name, err := Name(s.Name)
	if err != nil || name == "" {
		return Draft{}, ErrName
	}
	email, err := checkEmail(s.Email)
	if err != nil {
		return Draft{}, err
	}
	if err := l.Passwords.Check(s.Password, name, email); err != nil {
		return Draft{}, err
	}
	if err := l.countNetwork(ctx, ToSignUp, from); err != nil {
		return Draft{}, err
	}
	hash, err := l.Hasher.Hash(ctx, s.Password)
	if err != nil {
		return Draft{}, err
	}
	return Draft{Purpose: ToSignUp, Entered: email, Name: name, PasswordHash: hash}, nil
}

// CompleteSignUp makes the account that the link is for, with another password than
// the one that it was begun with unless that is "": whoever did so in another browser
// may have been somebody else. It fails with ErrPassword, ErrTaken, [ErrLink] or
// [ErrBusy].
func (l *Links) CompleteSignUp(ctx context.Context, found Found, password string, a Arrival) (Outcome, error) {
	hash := found.passwordHash
	if password != "" {
		var err error
		if hash, err = l.newHash(ctx, password, found.Name, found.Email); err != nil {
			return Outcome{}, err
		}
	}
	identifier, err := Normalise(found.Email)
	if err != nil {
		return Outcome{}, ErrLink
	}
	now, id := l.Now(), rand.Text()
	user := storage.User{
		ID: id, Identifiers: []string{identifier}, PasswordHash: hash, CreatedAt: now, UpdatedAt: now,
		Claims: storage.Claims{Name: found.Name, Email: found.Email, EmailVerified: true},
	}
	err = l.use(ctx, found, storage.Write{
		CreateUser: &user, Activity: []storage.Activity{Happened(id, SignedUp, found.ClientID, a.From, now)},
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return Outcome{}, ErrTaken
	case err != nil:
		return Outcome{}, err
	}
	return l.enter(ctx, id, identifier, "pwd", a)
}

// use uses the link up in the same write as what it is good for. It fails with ErrLink
// if it was used before, or if its user changed in the meantime.
func (l *Links) use(ctx context.Context, found Found, w storage.Write) error {
	w.Key, w.Now, w.UseLink = rand.Text(), l.Now(), &storage.LinkUse{Hash: found.hash}
	if found.User != nil {
		w.Verified = &storage.Verified{UserID: found.User.ID, PasswordHash: found.User.PasswordHash}
		if w.Change != nil && w.Change.Claims != nil { // which are written whole
			w.Verified.UpdatedAt = found.User.UpdatedAt
		}
	}
	switch err := l.Store.Apply(ctx, w); {
	case errors.Is(err, storage.ErrSpent), errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrLink, err)
	case err != nil:
		return err
	}
	return nil
}

// countNetwork bounds how many mails a network has us send. It fails with ErrTooMany.
func (l *Links) countNetwork(ctx context.Context, p Purpose, from Origin) error {
	count, err := l.Store.Count(ctx, "ask:"+string(p)+":"+from.Network, mailWindow, l.Now())
	if err != nil {
		return fmt.Errorf("count what the network asks for: %w", err)
	}
	if count > asksPerNetwork {
		return ErrTooMany
	}
	return nil
}

// newHash is the hash of a password that somebody chooses who is known as that. It
// fails with ErrPassword.
func (l *Links) newHash(ctx context.Context, password string, about ...string) (string, error) {
	if err := l.Passwords.Check(password, about...); err != nil {
		return "", err
	}
	return l.Hasher.Hash(ctx, password)
}

// checkEmail returns the address without space around it. It fails with ErrEmail if
// it is none, or one that a client could take for another's.
func checkEmail(entered string) (string, error) {
	email := strings.TrimSpace(entered)
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || !norm.NFKC.IsNormalString(email) {
		return "", ErrEmail
	}
	if _, err := Normalise(email); err != nil {
		return "", ErrEmail
	}
	return email, nil
}
