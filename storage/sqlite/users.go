package sqlite

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

const findUserByIdentifier = `SELECT ` + userColumns + ` FROM users
	WHERE id = (SELECT user_id FROM user_identifiers WHERE identifier = ?)`

// FindUser implements [storage.Store].
func (db *DB) FindUser(ctx context.Context, id string) (storage.User, error) {
	return db.user(ctx, findUser, id)
}

// FindUserByIdentifier implements [storage.Store].
func (db *DB) FindUserByIdentifier(ctx context.Context, identifier string) (storage.User, error) {
	return db.user(ctx, findUserByIdentifier, identifier)
}

func (db *DB) user(ctx context.Context, query, name string) (storage.User, error) {
	var u storage.User
	ok, err := db.find(ctx, query, []any{name}, userFields(&u))
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("find user: %w", err)
	}
	return u, nil
}

// ListUsers implements [storage.Store].
func (db *DB) ListUsers(ctx context.Context, after string, limit int) ([]storage.User, error) {
	var all []storage.User
	const query = `SELECT ` + userColumns + ` FROM users WHERE id > ? ORDER BY id LIMIT ?`
	err := db.list(ctx, query, []any{after, limit}, func() []any {
		all = append(all, storage.User{})
		return userFields(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return all, nil
}

// SaveUser implements [storage.Store].
func (db *DB) SaveUser(ctx context.Context, u storage.User) error {
	if err := db.write(ctx, func(t *tx) error { return saveUser(t, u) }); err != nil {
		return fmt.Errorf("save user %q: %w", u.ID, err)
	}
	return nil
}

func saveUser(t *tx, u storage.User) error {
	var old storage.User
	existed, err := t.find(findUser, []any{u.ID}, userFields(&old))
	if err != nil {
		return err
	}
	if err := upsertUser(t, u); err != nil {
		return err
	}
	if existed && (old.PasswordHash != u.PasswordHash || !u.DisabledAt.IsZero()) {
		return signOut(t, u)
	}
	return nil
}

func upsertUser(t *tx, u storage.User) error {
	_, err := t.exec(`
		INSERT INTO users (id, identifiers, password_hash, claims, disabled_at, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET identifiers = excluded.identifiers,
			password_hash = excluded.password_hash, claims = excluded.claims,
			disabled_at = excluded.disabled_at, updated_at = excluded.updated_at`,
		u.ID, list(u.Identifiers), u.PasswordHash, document{u.Claims},
		micros(u.DisabledAt), micros(u.CreatedAt), micros(u.UpdatedAt))
	if err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM user_identifiers WHERE user_id = ?`, u.ID); err != nil {
		return err
	}
	_, err = t.exec(`
		INSERT INTO user_identifiers (identifier, user_id) SELECT DISTINCT value, ? FROM json_each(?)`,
		u.ID, list(u.Identifiers))
	return err
}

// signOut ends all sessions and grants of the user.
func signOut(t *tx, u storage.User) error {
	if _, err := t.exec(`UPDATE sessions SET ended_at = ? WHERE user_id = ? AND ended_at IS NULL`,
		micros(u.UpdatedAt), u.ID); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE grants SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL`,
		micros(u.UpdatedAt), u.ID)
	return err
}

// ReplacePasswordHash implements [storage.Store].
func (db *DB) ReplacePasswordHash(ctx context.Context, userID, old, replacement string) error {
	return db.run(ctx, "replace password hash", statement{
		`UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`,
		[]any{replacement, userID, old},
	})
}

// DeleteUser implements [storage.Store].
func (db *DB) DeleteUser(ctx context.Context, id string) error {
	return db.delete(ctx, "user", `DELETE FROM users WHERE id = ?`, id)
}

// CountAttempt implements [storage.Store]. The one writer makes parallel
// attempts count one after the other.
func (db *DB) CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error) {
	var s storage.AttemptState
	err := db.write(ctx, func(t *tx) (err error) {
		s, err = countAttempt(t, a)
		return err
	})
	if err != nil {
		return storage.AttemptState{}, fmt.Errorf("count sign-in attempt: %w", err)
	}
	return s, nil
}

func countAttempt(t *tx, a storage.Attempt) (s storage.AttemptState, err error) {
	var u storage.User
	found, err := t.find(findUserByIdentifier, []any{a.Identifier}, userFields(&u))
	if err != nil {
		return s, err
	}
	if found {
		s.User = &u
	}
	s.AccountKey, s.NetworkKey = a.AccountKey(u.ID), a.NetworkKey()
	if s.Account, err = count(t, s.AccountKey, a); err != nil {
		return s, err
	}
	if s.Network, err = count(t, s.NetworkKey, a); err != nil {
		return s, err
	}
	if found && a.ConsentFor != "" {
		_, err = t.find(findConsent, []any{u.ID, a.ConsentFor}, []any{(*list)(&s.Consent)})
	}
	return s, err
}

// count adds one to the counter, which starts anew when its window is over.
func count(t *tx, key string, a storage.Attempt) (n int, err error) {
	_, err = t.find(`
		INSERT INTO attempts (key, count, expires_at) VALUES (?1, 1, ?3)
		ON CONFLICT DO UPDATE SET
			count = CASE WHEN expires_at > ?2 THEN count + 1 ELSE 1 END,
			expires_at = CASE WHEN expires_at > ?2 THEN expires_at ELSE excluded.expires_at END
		RETURNING count`,
		[]any{key, micros(a.Now), micros(a.Now.Add(a.Window))}, []any{&n})
	return n, err
}
