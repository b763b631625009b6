package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// AddInitialAccessToken implements [storage.Store].
func (db *DB) AddInitialAccessToken(ctx context.Context, t storage.InitialAccessToken) error {
	return doing(fmt.Sprintf("add initial access token %q", t.ID), db.exec(ctx, nil, `
		INSERT INTO initial_access_tokens (`+initialColumns+`)
		VALUES ($1::text, $2::bytea, $3::integer, $4::timestamptz, $5::timestamptz)`,
		t.ID, hash(t.Hash), t.Remaining, instant(t.CreatedAt), instant(t.ExpiresAt)))
}

// ListInitialAccessTokens implements [storage.Store].
func (db *DB) ListInitialAccessTokens(ctx context.Context) ([]storage.InitialAccessToken, error) {
	all, err := list(ctx, db, initialFields,
		`SELECT `+initialColumns+` FROM initial_access_tokens ORDER BY created_at, id`)
	return all, doing("list initial access tokens", err)
}

// DeleteInitialAccessToken implements [storage.Store].
func (db *DB) DeleteInitialAccessToken(ctx context.Context, id string) error {
	return doing(fmt.Sprintf("delete initial access token %q", id), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM initial_access_tokens WHERE id = $1::text`, id))
}

// Count implements [storage.Store]. A lost answer makes it count twice.
func (db *DB) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error) {
	n := 0
	err := db.send(ctx, func(b *pgx.Batch) {
		q := b.Queue(countForKey, pgx.NamedArgs{
			"counted": key, "now": instant(now), "expires_at": instant(now.Add(window)),
		})
		one(q, []any{&key, &n}, func() {})
	})
	return n, doing("count", err)
}
