// Package account owns how people prove who they are: the normal form of their
// identifiers, which passwords they may choose and how those are hashed, the policy on
// attempts, and what they do by a mailed link or code, such as making an account. It
// also owns what they are told of that: the notices by mail, and the events of their
// account. It neither stores people nor remembers that they have signed in: storage
// and provider/session do. Other factors are provider/factor's.
package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// ErrDenied is the one answer to whoever may not sign in: unknown, disabled or
// locked, without a password or with a wrong one. The error's text tells the
// reason to the log; nothing may tell it to the person.
var ErrDenied = errors.New("sign-in denied")

// Limits is the policy on attempts, each counted before its password is looked
// at. Beyond a limit nothing is right until the window is over.
type Limits struct {
	// Account is how many attempts an account allows from unknown devices
	// together, and from each known device.
	Account int
	// Network is how many attempts an address range allows from unknown
	// devices, right ones included: whoever has an account of their own could
	// otherwise set it back between guesses.
	Network int
	// Window is how long a count lives after its first attempt.
	Window time.Duration
}

// DefaultLimits allows 10 attempts an account and 100 a network in 15 minutes.
func DefaultLimits() Limits {
	return Limits{Account: 10, Network: 100, Window: 15 * time.Minute}
}

// Store is what an Authenticator asks of storage.
type Store interface {
	CountAttempt(context.Context, storage.Attempt) (storage.AttemptState, error)
	ReplacePasswordHash(ctx context.Context, userID, old, replacement string) error
}

// Authenticator decides who may sign in with a password, for the login page and
// for the password grant alike.
type Authenticator struct {
	Store  Store
	Hasher *Hasher
	Limits Limits
	Now    func() time.Time

	crowd crowd
}

// Login is a person's attempt to sign in.
type Login struct {
	// Identifier and Password are as they were entered.
	Identifier, Password string
	// Device and DeviceUser are what provider/session knows of the browser, ""
	// if nothing.
	Device, DeviceUser string
	// Network is where the attempt comes from, as [Network] names it.
	Network string
	// ConsentFor is a client id: → Outcome.Consent.
	ConsentFor string
	// Sessions are those of the browser: → Outcome.Sessions.
	Sessions []storage.Hash
}

// Outcome is a person who has proved who they are.
type Outcome struct {
	User storage.User
	// AMR is how, in the values of RFC 8176.
	AMR []string
	// Factors are what else the user can prove themselves with.
	Factors storage.Factors
	// Identifier is the normalised one that they used.
	Identifier string
	// Consent holds the scopes that the user has allowed Login.ConsentFor.
	Consent []string
	// Sessions are those of Login.Sessions that live, of whoever is denied too.
	Sessions []storage.SignedIn
	// Succeeded goes into the storage.Write that the sign-in leads to.
	Succeeded *storage.Success
	// NotUpgraded is why an outdated password hash could not be replaced, to be
	// logged: it keeps nobody out. It is nil if there was nothing to replace.
	NotUpgraded error
}

// Authenticate finds out who signs in: one round trip to storage, and another
// when an outdated hash is upgraded. It fails with ErrDenied, after the same
// work whatever the reason; with ErrBusy; or because storage did not answer. The
// work differs in one case: a foreign hash that is slow takes its own time until its
// owner signs in and it is upgraded.
func (a *Authenticator) Authenticate(ctx context.Context, login Login) (Outcome, error) {
	// Whoever is turned away here has not attempted anything: to come again is
	// what they are told to do, and must not lock them out.
	if err := a.enter(login.Network); err != nil {
		return Outcome{}, err
	}
	defer a.leave(login.Network)
	identifier, unusable := Normalise(login.Identifier)
	found, err := a.Store.CountAttempt(ctx, storage.Attempt{
		Identifier: identifier, // "", which nobody has, if it is unusable
		Device:     login.Device,
		DeviceUser: login.DeviceUser,
		Network:    login.Network,
		Window:     a.Limits.Window,
		Now:        a.Now(),
		ConsentFor: login.ConsentFor,
		Sessions:   login.Sessions,
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("count the attempt: %w", err)
	}
	ok, outdated, err := a.verify(ctx, found.User, login.Password)
	if err != nil {
		return Outcome{}, fmt.Errorf("verify the password: %w", err)
	}
	if reason := a.reason(login, found, ok, unusable); reason != "" {
		return Outcome{Sessions: found.Sessions}, fmt.Errorf("%w: %s, %s", ErrDenied, reason, whose(found.User, login.Network))
	}
	outcome := Outcome{
		User:       *found.User,
		AMR:        []string{"pwd"},
		Factors:    found.Factors,
		Identifier: identifier,
		Consent:    found.Consent,
		Sessions:   found.Sessions,
		Succeeded:  &storage.Success{AccountKey: found.AccountKey, NetworkKey: found.NetworkKey},
	}
	if outdated {
		outcome.NotUpgraded = a.upgrade(ctx, &outcome.User, login.Password)
	}
	return outcome, nil
}

// enter takes a place in the hasher's queue. A network has at most half of
// them, so that an address that keeps trying does not keep all others out.
func (a *Authenticator) enter(network string) error {
	if !a.crowd.join(network, max(1, cap(a.Hasher.queue)/2)) {
		return ErrBusy
	}
	if err := a.Hasher.enter(); err != nil {
		a.crowd.leave(network)
		return err
	}
	return nil
}

func (a *Authenticator) leave(network string) {
	a.Hasher.leave()
	a.crowd.leave(network)
}

// verify does the work of verifying a password even if there is nothing to
// verify, so that time does not tell.
func (a *Authenticator) verify(ctx context.Context, user *storage.User, password string) (ok, outdated bool, err error) {
	if user == nil || user.PasswordHash == "" || CheckPassword(password) != nil {
		_, _, err := a.Hasher.verify(ctx, a.Hasher.decoy, "")
		return false, false, err
	}
	return a.Hasher.verify(ctx, user.PasswordHash, password)
}

// reason returns why the sign-in is denied, "" if it is not.
func (a *Authenticator) reason(login Login, found storage.AttemptState, ok bool, unusable error) string {
	user := found.User
	knownDevice := user != nil && login.Device != "" && login.DeviceUser == user.ID
	switch {
	case found.Account > a.Limits.Account:
		return "too many attempts on the account"
	case found.Network > a.Limits.Network && !knownDevice:
		return "too many attempts from the network"
	case unusable != nil:
		return unusable.Error()
	case user == nil:
		return "no such person"
	case !active(user, a.Now()):
		return "the account is disabled or deleted"
	case user.PasswordHash == "":
		return "the account has no password"
	case !ok:
		return "wrong password"
	}
	return ""
}

// whose tells an operator whose account an attempt was at, if anybody's, and where
// it came from. What was entered could be a password in the wrong field.
func whose(user *storage.User, network string) string {
	if user == nil {
		return "from " + network
	}
	return "sub " + user.ID + " from " + network
}

// upgrade replaces the user's outdated hash while the password is at hand.
func (a *Authenticator) upgrade(ctx context.Context, user *storage.User, password string) error {
	replacement, err := a.Hasher.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash the password anew: %w", err)
	}
	if err := a.Store.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, replacement); err != nil {
		return fmt.Errorf("replace the password hash: %w", err)
	}
	user.PasswordHash = replacement
	return nil
}
