package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	findUser             = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1::text`
	findUserByIdentifier = `SELECT ` + userColumns + ` FROM users u WHERE u.id = (
		SELECT user_id FROM user_identifiers WHERE identifier = $1::text)`
)

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
	err := db.find(ctx, func() []any {
		u = storage.User{}
		return userFields(&u)
	}, query, name)
	return u, doing("find user", err)
}

// ListUsers implements [storage.Store].
func (db *DB) ListUsers(ctx context.Context, after string, limit int) ([]storage.User, error) {
	all, err := list(ctx, db, userFields, `SELECT `+userColumns+` FROM users u
		WHERE u.id > $1::text ORDER BY u.id LIMIT $2::bigint`, after, limit)
	return all, doing("list users", err)
}

// SaveUser implements [storage.Store].
func (db *DB) SaveUser(ctx context.Context, u storage.User) error {
	args := pgx.NamedArgs{
		"id": u.ID, "identifiers": array(u.Identifiers), "password_hash": u.PasswordHash,
		"claims": document{u.Claims}, "disabled_at": instant(u.DisabledAt),
		"created_at": instant(u.CreatedAt), "updated_at": instant(u.UpdatedAt),
	}
	err := db.send(ctx, func(b *pgx.Batch) {
		for _, query := range saveUser {
			b.Queue(query, args)
		}
	})
	return doing(fmt.Sprintf("save user %q", u.ID), err)
}

// signsOut has a row when the user exists, and must sign in again.
const signsOut = `WITH signs_out AS (SELECT FROM users WHERE id = @id::text
	AND (password_hash <> @password_hash::text OR @disabled_at::timestamptz IS NOT NULL)) `

// saveUser is one transaction. An identifier that another user has ends it.
var saveUser = []string{ //nolint:gochecknoglobals // a constant
	`SELECT FROM users WHERE id = @id::text FOR UPDATE`,
	signsOut + `UPDATE sessions SET ended_at = @updated_at::timestamptz FROM signs_out
		WHERE user_id = @id::text AND ended_at IS NULL`,
	signsOut + `UPDATE grants SET revoked_at = @updated_at::timestamptz FROM signs_out
		WHERE user_id = @id::text AND revoked_at IS NULL`,
	`INSERT INTO users (id, identifiers, password_hash, claims, disabled_at, created_at, updated_at)
		VALUES (@id::text, @identifiers::text[], @password_hash::text, @claims::jsonb,
			@disabled_at::timestamptz, @created_at::timestamptz, @updated_at::timestamptz)
		ON CONFLICT (id) DO UPDATE SET identifiers = excluded.identifiers,
			password_hash = excluded.password_hash, claims = excluded.claims,
			disabled_at = excluded.disabled_at, updated_at = excluded.updated_at`,
	`DELETE FROM user_identifiers WHERE user_id = @id::text`,
	`INSERT INTO user_identifiers (identifier, user_id)
		SELECT DISTINCT unnest(@identifiers::text[]), @id::text ORDER BY 1`,
}

// ReplacePasswordHash implements [storage.Store].
func (db *DB) ReplacePasswordHash(ctx context.Context, userID, old, replacement string) error {
	return doing(fmt.Sprintf("replace password hash of user %q", userID), db.exec(ctx, nil, `
		UPDATE users SET password_hash = $3::text WHERE id = $1::text AND password_hash = $2::text`,
		userID, old, replacement))
}

// DeleteUser implements [storage.Store].
func (db *DB) DeleteUser(ctx context.Context, id string) error {
	return doing(fmt.Sprintf("delete user %q", id), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM users WHERE id = $1::text`, id))
}
