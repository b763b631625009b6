package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// CountAttempt implements [storage.Store]. A lost answer makes it count twice,
// which errs on the side of the lock.
func (db *DB) CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error) {
	args, found := attemptArgs(a), userOf(a)
	var s storage.AttemptState
	err := db.send(ctx, func(b *pgx.Batch) {
		var u storage.User
		var f factors
		s = storage.AttemptState{NetworkKey: a.NetworkKey()}
		one(b.Queue(`SELECT `+userColumns+`, `+factorColumns+withFactors+found, args),
			append(userFields(&u), f.fields()...), func() { s.User, s.Factors = &u, f.of(u.ID) })
		if a.ConsentFor != "" {
			one(b.Queue(`SELECT scopes FROM consents WHERE client_id = @consent_for::text AND user_id = `+found, args),
				[]any{&s.Consent}, func() {})
		}
		one(b.Queue(countForAccount+found+`) AS found (id)`+countOneMore, args),
			[]any{&s.AccountKey, &s.Account}, func() {})
		one(b.Queue(countForKey, args), []any{&s.NetworkKey, &s.Network}, func() {})
		readSessions(b, storage.Wanted{Sessions: a.Sessions, Now: a.Now, ConsentFor: a.ConsentFor}, &s.Sessions)
	})
	if err != nil {
		return storage.AttemptState{}, fmt.Errorf("count sign-in attempt: %w", err)
	}
	return s, nil
}

// userOf is the id of the user whom the attempt is at, NULL if there is none.
func userOf(a storage.Attempt) string {
	switch {
	case a.UserID != "":
		return `(SELECT id FROM users WHERE id = @user_id::text)`
	case a.Passkey != nil:
		return `(SELECT user_id FROM passkeys WHERE id = @passkey::bytea)`
	default:
		return `(SELECT user_id FROM user_identifiers WHERE identifier = @identifier::text)`
	}
}

func attemptArgs(a storage.Attempt) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"identifier": a.Identifier, "user_id": a.UserID, "passkey": a.Passkey, "consent_for": a.ConsentFor,
		"now": instant(a.Now), "expires_at": instant(a.Now.Add(a.Window)),
		"of_name": a.AccountKey(""), "of_user": storage.UserAccountKey,
		"device_user": text(""), "of_device": "", "counted": a.NetworkKey(),
	}
	if a.Device != "" && a.DeviceUser != "" {
		args["device_user"], args["of_device"] = a.DeviceUser, a.AccountKey(a.DeviceUser)
	}
	return args
}

const (
	countForAccount = `INSERT INTO attempts AS a (key, count, expires_at)
		SELECT CASE
			WHEN id IS NULL THEN @of_name::text
			WHEN id = @device_user::text THEN @of_device::text
			ELSE @of_user::text || id
		END, 1, @expires_at::timestamptz
		FROM (SELECT `

	countForKey = `INSERT INTO attempts AS a (key, count, expires_at)
		VALUES (@counted::text, 1, @expires_at::timestamptz)` + countOneMore

	// A counter starts anew when its window is over.
	countOneMore = ` ON CONFLICT (key) DO UPDATE SET
		count = CASE WHEN a.expires_at > @now::timestamptz THEN a.count + 1 ELSE 1 END,
		expires_at = CASE WHEN a.expires_at > @now::timestamptz
			THEN a.expires_at ELSE excluded.expires_at END
		RETURNING key, count`
)
