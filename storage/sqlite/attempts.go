package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// CountAttempt implements [storage.Store]. The one writer makes parallel
// attempts count one after the other.
func (db *DB) CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error) {
	var s storage.AttemptState
	err := db.write(ctx, func(t *tx) (err error) {
		s, err = countAttempt(t, a)
		return err
	})
	if err == nil {
		var state storage.State
		state, err = db.Read(ctx, storage.Wanted{Sessions: a.Sessions, Now: a.Now, ConsentFor: a.ConsentFor})
		s.Sessions = state.Sessions
	}
	if err == nil && s.User != nil {
		s.Factors, err = db.FindFactors(ctx, s.User.ID)
	}
	if err != nil {
		return storage.AttemptState{}, fmt.Errorf("count sign-in attempt: %w", err)
	}
	return s, nil
}

func countAttempt(t *tx, a storage.Attempt) (s storage.AttemptState, err error) {
	var u storage.User
	query, name := userOf(a)
	found, err := t.find(query, []any{name}, userFields(&u))
	if err != nil {
		return s, err
	}
	if found {
		s.User = &u
	}
	s.AccountKey, s.NetworkKey = a.AccountKey(u.ID), a.NetworkKey()
	if s.Account, err = count(t, s.AccountKey, a.Now, a.Window); err != nil {
		return s, err
	}
	if s.Network, err = count(t, s.NetworkKey, a.Now, a.Window); err != nil {
		return s, err
	}
	if found && a.ConsentFor != "" {
		_, err = t.find(findConsent, []any{u.ID, a.ConsentFor}, []any{(*list)(&s.Consent)})
	}
	return s, err
}

// userOf is how the user is found whom the attempt is at.
func userOf(a storage.Attempt) (query string, name any) {
	switch {
	case a.UserID != "":
		return findUser, a.UserID
	case a.Passkey != nil:
		return findUserByPasskey, a.Passkey
	default:
		return findUserByIdentifier, a.Identifier
	}
}

// count adds one to the counter, which starts anew when its window is over.
func count(t *tx, key string, now time.Time, window time.Duration) (n int, err error) {
	_, err = t.find(`
		INSERT INTO attempts (key, count, expires_at) VALUES (?1, 1, ?3)
		ON CONFLICT DO UPDATE SET
			count = CASE WHEN expires_at > ?2 THEN count + 1 ELSE 1 END,
			expires_at = CASE WHEN expires_at > ?2 THEN expires_at ELSE excluded.expires_at END
		RETURNING count`,
		[]any{key, micros(now), micros(now.Add(window))}, []any{&n})
	return n, err
}
