package account

import (
	"context"
	"crypto/rand"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatelodge/gatelodge/storage"
)

// signUpsPerNetwork is how many accounts a network may try to make in signUpWindow.
const (
	signUpsPerNetwork = 20
	signUpWindow      = time.Hour
)

// Registrar makes accounts for people who ask for one.
type Registrar struct {
	Store interface {
		Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error)
		SaveUser(ctx context.Context, u storage.User) error
		FindUser(ctx context.Context, id string) (storage.User, error)
	}
	Hasher    *Hasher
	Passwords Policy
	Now       func() time.Time
}

// Register makes an account, in three round trips to storage. Whether the address
// is the person's own is not known: email_verified is false.
func (r *Registrar) Register(ctx context.Context, s SignUp, network string) (Outcome, error) {
	name := strings.TrimSpace(s.Name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, control) {
		return Outcome{}, ErrName
	}
	email := strings.TrimSpace(s.Email)
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || !norm.NFKC.IsNormalString(email) {
		return Outcome{}, ErrEmail // or a client could take it for another's
	}
	identifier, err := Normalise(email)
	if err != nil {
		return Outcome{}, ErrEmail
	}
	if err := r.Passwords.Check(s.Password, name, email); err != nil {
		return Outcome{}, err
	}
	now := r.Now()
	count, err := r.Store.Count(ctx, "sign-up:"+network, signUpWindow, now)
	if err != nil {
		return Outcome{}, err
	}
	if count > signUpsPerNetwork {
		return Outcome{}, ErrTooMany
	}
	hash, err := r.Hasher.Hash(ctx, s.Password)
	if err != nil {
		return Outcome{}, err
	}
	user := storage.User{
		ID: rand.Text(), Identifiers: []string{identifier}, PasswordHash: hash,
		Claims: storage.Claims{Name: name, Email: email}, CreatedAt: now, UpdatedAt: now,
	}
	switch err = r.Store.SaveUser(ctx, user); {
	case errors.Is(err, storage.ErrConflict):
		return Outcome{}, ErrTaken
	case err != nil:
		return Outcome{}, err
	}
	user, err = r.Store.FindUser(ctx, user.ID) // with the salt that it was given
	return Outcome{User: user, AMR: []string{"pwd"}, Identifier: identifier}, err
}
