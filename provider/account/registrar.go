package account

import (
	"context"
	"crypto/rand"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatelodge/gatelodge/storage"
)

// MinPassword is how many characters a password has at least that somebody
// chooses, NIST SP 800-63B.
const MinPassword = 8

// maxName is how many characters a name may have.
const maxName = 200

// The reasons why no account is made, beside [ErrBusy] and an outage.
var (
	ErrName     = errors.New("the name is missing or too long")
	ErrEmail    = errors.New("not an e-mail address")
	ErrPassword = errors.New("the password is too short or cannot be one")
	ErrTaken    = errors.New("somebody has an account with that e-mail address")
	ErrTooMany  = errors.New("too many accounts were made from the network")
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
	Hasher *Hasher
	Now    func() time.Time
}

// SignUp is what somebody who wants an account enters, and where from.
type SignUp struct {
	Name, Email, Password string
	// Network is where it comes from, as [Network] names it.
	Network string
}

// Register makes an account, in three round trips to storage. Whether the address
// is the person's own is not known: email_verified is false.
func (r *Registrar) Register(ctx context.Context, s SignUp) (Outcome, error) {
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
	if utf8.RuneCountInString(s.Password) < MinPassword || CheckPassword(s.Password) != nil {
		return Outcome{}, ErrPassword
	}
	now := r.Now()
	count, err := r.Store.Count(ctx, "sign-up:"+s.Network, signUpWindow, now)
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

// control reports whether the character does something to the text around it.
func control(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
