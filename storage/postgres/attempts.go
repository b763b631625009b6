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
	args := attemptArgs(a)
	var s storage.AttemptState
	err := db.send(ctx, func(b *pgx.Batch) {
		var u storage.User
		s = storage.AttemptState{NetworkKey: a.NetworkKey()}
		one(b.Queue(findUserByIdentifier, a.Identifier), userFields(&u), func() { s.User = &u })
		if a.ConsentFor != "" {
			one(b.Queue(consentOfIdentifier, args), []any{&s.Consent}, func() {})
		}
		one(b.Queue(countForAccount, args), []any{&s.AccountKey, &s.Account}, func() {})
		one(b.Queue(countForKey, args), []any{&s.NetworkKey, &s.Network}, func() {})
		readSessions(b, storage.Wanted{Sessions: a.Sessions, Now: a.Now, ConsentFor: a.ConsentFor}, &s.Sessions)
	})
	if err != nil {
		return storage.AttemptState{}, fmt.Errorf("count sign-in attempt: %w", err)
	}
	return s, nil
}

func attemptArgs(a storage.Attempt) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"identifier": a.Identifier, "consent_for": a.ConsentFor,
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
	consentOfIdentifier = `SELECT scopes FROM consents
		WHERE client_id = @consent_for::text AND user_id = (
			SELECT user_id FROM user_identifiers WHERE identifier = @identifier::text)`

	countForAccount = `INSERT INTO attempts AS a (key, count, expires_at)
		SELECT CASE
			WHEN id IS NULL THEN @of_name::text
			WHEN id = @device_user::text THEN @of_device::text
			ELSE @of_user::text || id
		END, 1, @expires_at::timestamptz
		FROM (SELECT (
			SELECT user_id FROM user_identifiers WHERE identifier = @identifier::text)) AS found (id)` +
		countOneMore

	countForKey = `INSERT INTO attempts AS a (key, count, expires_at)
		VALUES (@counted::text, 1, @expires_at::timestamptz)` + countOneMore

	// A counter starts anew when its window is over.
	countOneMore = ` ON CONFLICT (key) DO UPDATE SET
		count = CASE WHEN a.expires_at > @now::timestamptz THEN a.count + 1 ELSE 1 END,
		expires_at = CASE WHEN a.expires_at > @now::timestamptz
			THEN a.expires_at ELSE excluded.expires_at END
		RETURNING key, count`
)
