package postgres

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
	maps.Copy(args, endingArgs(u.UpdatedAt))
	err := db.send(ctx, func(b *pgx.Batch) {
		b.Queue(lockUser, args)
		endSessions(b, sessionsOfUser, ` AND EXISTS (`+signsOut+`)`, args)
		for _, query := range saveUser {
			b.Queue(query, args)
		}
	})
	return doing(fmt.Sprintf("save user %q", u.ID), err)
}

const (
	// lockUser comes before the locks on what is the user's.
	lockUser       = `SELECT FROM users WHERE id = @id::text FOR UPDATE`
	sessionsOfUser = `s.user_id = @id::text`
	// signsOut has a row when the user exists, and must sign in again.
	signsOut = `SELECT FROM users WHERE id = @id::text
		AND (password_hash <> @password_hash::text OR @disabled_at::timestamptz IS NOT NULL)`
	// redirects has a row when, moreover, what was mailed is for somebody else.
	redirects = signsOut + ` OR id = @id::text AND identifiers <> @identifiers::text[]`
)

// saveUser is what follows in the same transaction. An identifier that another user
// has ends it.
var saveUser = []string{ //nolint:gochecknoglobals // a constant
	`UPDATE grants SET revoked_at = @at::timestamptz
		WHERE user_id = @id::text AND revoked_at IS NULL AND EXISTS (` + signsOut + `)`,
	`DELETE FROM links WHERE user_id = @id::text AND EXISTS (` + redirects + `)`,
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

// Unlock implements [storage.Store].
func (db *DB) Unlock(ctx context.Context, userID string) error {
	return doing(fmt.Sprintf("unlock user %q", userID), db.exec(ctx, nil, `
		DELETE FROM attempts WHERE key = $1::text
			OR key LIKE $2::text || '%' AND right(key, length($3::text)) = $3::text`,
		storage.UserAccountKey+userID, storage.DeviceAccountKey, ":"+userID))
}

// DeleteUser implements [storage.Store].
func (db *DB) DeleteUser(ctx context.Context, id string, at time.Time) error {
	args := endingArgs(at)
	args["id"] = id
	found := false
	err := db.send(ctx, func(b *pgx.Batch) {
		b.Queue(lockUser, args)
		endSessions(b, sessionsOfUser, "", args)
		b.Queue(`DELETE FROM users WHERE id = @id::text`, args).Exec(func(tag pgconn.CommandTag) error {
			found = tag.RowsAffected() > 0
			return nil
		})
	})
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	return doing(fmt.Sprintf("delete user %q", id), err)
}
