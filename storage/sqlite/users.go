package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	switch {
	case !existed:
		return nil
	case old.PasswordHash != u.PasswordHash || !u.DisabledAt.IsZero():
		if err := signOut(t, u.ID, "", u.UpdatedAt); err != nil {
			return err
		}
	case slices.Equal(old.Identifiers, u.Identifiers):
		return nil
	}
	return deleteLinks(t, u.ID, storage.Hash{})
}

func upsertUser(t *tx, u storage.User) error {
	_, err := t.exec(`
		INSERT INTO users (id, identifiers, password_hash, claims, disabled_at, created_at, updated_at,
			pairwise_salt)
		VALUES (?, ?, ?, ?, ?, ?, ?, randomblob(16))
		ON CONFLICT DO UPDATE SET identifiers = excluded.identifiers,
			password_hash = excluded.password_hash, claims = excluded.claims,
			disabled_at = excluded.disabled_at, updated_at = excluded.updated_at`,
		u.ID, list(u.Identifiers), u.PasswordHash, document{u.Claims},
		micros(u.DisabledAt), micros(u.CreatedAt), micros(u.UpdatedAt))
	if err != nil {
		return err
	}
	return replaceIdentifiers(t, u.ID, u.Identifiers)
}

func replaceIdentifiers(t *tx, userID string, identifiers []string) error {
	if _, err := t.exec(`DELETE FROM user_identifiers WHERE user_id = ?`, userID); err != nil {
		return err
	}
	_, err := t.exec(`
		INSERT INTO user_identifiers (identifier, user_id) SELECT DISTINCT value, ? FROM json_each(?)`,
		userID, list(identifiers))
	return err
}

// signOut ends all sessions of the user but the one to keep, if any, and all grants.
func signOut(t *tx, userID, keep string, at time.Time) error {
	if err := endSessionsOf(t, userID, keep, at); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE grants SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL`,
		micros(at), userID)
	return err
}

// deleteLinks deletes all links of the user but the one that is being used, if any.
func deleteLinks(t *tx, userID string, used storage.Hash) error {
	_, err := t.exec(`DELETE FROM links WHERE user_id = ? AND hash IS NOT ?`, userID, hash(used))
	return err
}

// ReplacePasswordHash implements [storage.Store].
func (db *DB) ReplacePasswordHash(ctx context.Context, userID, old, replacement string) error {
	return db.run(ctx, "replace password hash", statement{
		`UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`,
		[]any{replacement, userID, old},
	})
}

// Unlock implements [storage.Store].
func (db *DB) Unlock(ctx context.Context, userID string) error {
	return db.run(ctx, "unlock user", statement{
		`DELETE FROM attempts WHERE key = ?1 OR key LIKE ?2 || '%' AND substr(key, -length(?3)) = ?3`,
		[]any{storage.UserAccountKey + userID, storage.DeviceAccountKey, ":" + userID},
	})
}

// DeleteUser implements [storage.Store].
func (db *DB) DeleteUser(ctx context.Context, id string, at time.Time) error {
	err := db.write(ctx, func(t *tx) error {
		if err := endSessionsOf(t, id, "", at); err != nil {
			return err
		}
		return guard(t, storage.ErrNotFound, `DELETE FROM users WHERE id = ?`, id)
	})
	if err != nil {
		return fmt.Errorf("delete user %q: %w", id, err)
	}
	return nil
}
