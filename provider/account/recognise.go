package account

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// Recognise counts an attempt to prove something else than a password, and returns
// whose it is: the user with the UserID or with the Passkey. What they have proved,
// and so the AMR, is the caller's affair. It is one round trip to storage, made
// before anything is looked at.
//
// It fails with ErrDenied if nobody has the passkey, or the user may not sign in or,
// unless it is by a passkey, which nobody can guess, has attempted it too often. The
// outcome then still says whose attempt it was, if anybody's.
func (a *Authenticator) Recognise(ctx context.Context, attempt storage.Attempt) (Outcome, error) {
	attempt.Window, attempt.Now = a.Limits.Window, a.Now()
	found, err := a.Store.CountAttempt(ctx, attempt)
	if err != nil {
		return Outcome{}, fmt.Errorf("count the attempt: %w", err)
	}
	outcome := Outcome{
		Factors: found.Factors, Consent: found.Consent, Sessions: found.Sessions,
		Succeeded: &storage.Success{AccountKey: found.AccountKey, NetworkKey: found.NetworkKey},
	}
	if found.User != nil {
		outcome.User = *found.User
	}
	switch user := found.User; {
	case user == nil:
		return outcome, fmt.Errorf("%w: no such person, %s", ErrDenied, whose(nil, attempt.Network))
	case !active(user, a.Now()):
		return outcome, fmt.Errorf("%w: the account is disabled or deleted, %s", ErrDenied, whose(user, attempt.Network))
	case attempt.Passkey == nil && found.Account > a.Limits.Account:
		return outcome, fmt.Errorf("%w: too many attempts on the account, %s", ErrDenied, whose(user, attempt.Network))
	}
	return outcome, nil
}
