package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// RevokeGrant implements [storage.Store].
func (db *DB) RevokeGrant(ctx context.Context, grantID string, at time.Time) error {
	return db.run(ctx, "revoke grant", statement{
		`UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`,
		[]any{micros(at), grantID},
	})
}

// RevokeToken implements [storage.Store].
func (db *DB) RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error {
	return db.run(ctx, "revoke token", statement{
		`INSERT INTO revoked_tokens (jti, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING`,
		[]any{jti, micros(expiresAt)},
	})
}

// RevokeAccessToken implements [storage.Store].
func (db *DB) RevokeAccessToken(ctx context.Context, token storage.Hash, at time.Time) error {
	return db.run(ctx, "revoke access token", statement{
		`UPDATE access_tokens SET revoked_at = ? WHERE hash = ? AND revoked_at IS NULL`,
		[]any{micros(at), hash(token)},
	})
}

// DeleteExpired implements [storage.Store]. Tokens go before their grant; a code
// that was never redeemed takes its grant with it, but a day later: an access token
// may have come beside it.
func (db *DB) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	deleted := 0
	err := db.write(ctx, func(t *tx) error {
		deleted = 0
		for _, query := range expired {
			n, err := t.exec(query, micros(now), limit)
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete what has expired: %w", err)
	}
	return deleted, nil
}

// activityLifetime is [storage.ActivityLifetime] in microseconds.
const activityLifetime = `15552000000000`

var expired = []string{ //nolint:gochecknoglobals // a constant
	// A grant can have thousands of used refresh tokens: they go before it.
	`DELETE FROM refresh_tokens WHERE hash IN (
		SELECT t.hash FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id
		WHERE g.expires_at <= ? ORDER BY g.expires_at LIMIT ?)`,
	`DELETE FROM grants WHERE id IN (
		SELECT id FROM grants g WHERE expires_at <= ?
			AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id)
		ORDER BY expires_at LIMIT ?)`,
	`DELETE FROM grants WHERE id IN (
		SELECT grant_id FROM codes WHERE expires_at <= ? - 86400000000 AND used_at IS NULL LIMIT ?)`,
	`DELETE FROM access_tokens WHERE hash IN (
		SELECT hash FROM access_tokens WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM logout_notices WHERE id IN (
		SELECT id FROM logout_notices WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM initial_access_tokens WHERE id IN (
		SELECT id FROM initial_access_tokens WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM clients WHERE id IN (
		SELECT id FROM clients WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM assertions WHERE (client_id, jti) IN (
		SELECT client_id, jti FROM assertions WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM revoked_tokens WHERE jti IN (
		SELECT jti FROM revoked_tokens WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM links WHERE hash IN (
		SELECT hash FROM links WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM mails WHERE id IN (
		SELECT id FROM mails WHERE expires_at <= ? LIMIT ?)`,
	`DELETE FROM activity WHERE id IN (
		SELECT id FROM activity WHERE at <= ? - ` + activityLifetime + ` LIMIT ?)`,
	// A user takes much along.
	`DELETE FROM users WHERE id IN (
		SELECT id FROM users WHERE deletes_at <= ? LIMIT (? + 9) / 10)`,
	`DELETE FROM attempts WHERE key IN (
		SELECT key FROM attempts WHERE expires_at <= ? LIMIT ?)`,
}
