package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatelodge/gatelodge/storage"
)

// RevokeGrant implements [storage.Store].
func (db *DB) RevokeGrant(ctx context.Context, grantID string, at time.Time) error {
	return doing("revoke grant", db.exec(ctx, nil, `
		UPDATE grants SET revoked_at = $2::timestamptz WHERE id = $1::text AND revoked_at IS NULL`,
		grantID, instant(at)))
}

// RevokeToken implements [storage.Store].
func (db *DB) RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error {
	return doing("revoke token", db.exec(ctx, nil, `
		INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1::text, $2::timestamptz)
		ON CONFLICT DO NOTHING`,
		jti, instant(expiresAt)))
}

// RevokeAccessToken implements [storage.Store].
func (db *DB) RevokeAccessToken(ctx context.Context, token storage.Hash, at time.Time) error {
	return doing("revoke access token", db.exec(ctx, nil, `
		UPDATE access_tokens SET revoked_at = $2::timestamptz
		WHERE hash = $1::bytea AND revoked_at IS NULL`,
		hash(token), instant(at)))
}

// DeleteExpired implements [storage.Store]. Tokens go before their grant;
// a code that was never redeemed takes its grant with it, but a day later: an access
// token may have come beside it. What another node is deleting, or a request holds,
// is left alone.
func (db *DB) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	deleted := 0
	err := db.send(ctx, func(b *pgx.Batch) {
		deleted = 0
		for _, query := range expired {
			b.Queue(query, instant(now), limit).Exec(func(tag pgconn.CommandTag) error {
				deleted += int(tag.RowsAffected())
				return nil
			})
		}
	})
	if err != nil {
		return 0, fmt.Errorf("delete what has expired: %w", err)
	}
	return deleted, nil
}

// activityLifetime is [storage.ActivityLifetime] as an interval.
const activityLifetime = `4320 hours`

var expired = []string{ //nolint:gochecknoglobals // a constant
	// A grant can have thousands of used refresh tokens: they go before it.
	`DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY(
		SELECT t.hash FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id
		WHERE g.expires_at <= $1::timestamptz ORDER BY g.expires_at
		LIMIT $2::bigint FOR UPDATE OF t SKIP LOCKED))`,
	`DELETE FROM grants WHERE id = ANY (ARRAY(
		SELECT id FROM grants g WHERE expires_at <= $1::timestamptz
			AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.grant_id = g.id)
		ORDER BY expires_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM grants WHERE id = ANY (ARRAY(
		SELECT grant_id FROM codes WHERE expires_at <= $1::timestamptz - interval '24 hours' AND used_at IS NULL
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM access_tokens WHERE hash = ANY (ARRAY(
		SELECT hash FROM access_tokens WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM sessions WHERE id = ANY (ARRAY(
		SELECT id FROM sessions WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM logout_notices WHERE id = ANY (ARRAY(
		SELECT id FROM logout_notices WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM initial_access_tokens WHERE id = ANY (ARRAY(
		SELECT id FROM initial_access_tokens WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	// A request that has begun to use the client holds its row.
	`DELETE FROM clients WHERE id = ANY (ARRAY(
		SELECT id FROM clients WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM assertions WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM assertions WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM revoked_tokens WHERE jti = ANY (ARRAY(
		SELECT jti FROM revoked_tokens WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM links WHERE hash = ANY (ARRAY(
		SELECT hash FROM links WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM mails WHERE id = ANY (ARRAY(
		SELECT id FROM mails WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM activity WHERE id = ANY (ARRAY(
		SELECT id FROM activity WHERE at <= $1::timestamptz - interval '` + activityLifetime + `'
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
	// A user takes much along.
	`DELETE FROM users WHERE id = ANY (ARRAY(
		SELECT id FROM users WHERE deletes_at <= $1::timestamptz
		LIMIT ($2::bigint + 9) / 10 FOR UPDATE SKIP LOCKED))`,
	`DELETE FROM attempts WHERE key = ANY (ARRAY(
		SELECT key FROM attempts WHERE expires_at <= $1::timestamptz
		LIMIT $2::bigint FOR UPDATE SKIP LOCKED))`,
}
