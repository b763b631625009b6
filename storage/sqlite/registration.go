package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// AddInitialAccessToken implements [storage.Store].
func (db *DB) AddInitialAccessToken(ctx context.Context, t storage.InitialAccessToken) error {
	return db.run(ctx, "add initial access token", statement{
		`INSERT INTO initial_access_tokens (` + initialColumns + `) VALUES (?, ?, ?, ?, ?)`,
		[]any{t.ID, hash(t.Hash), t.Remaining, micros(t.CreatedAt), micros(t.ExpiresAt)},
	})
}

// ListInitialAccessTokens implements [storage.Store].
func (db *DB) ListInitialAccessTokens(ctx context.Context) ([]storage.InitialAccessToken, error) {
	var all []storage.InitialAccessToken
	const query = `SELECT ` + initialColumns + ` FROM initial_access_tokens ORDER BY created_at, id`
	err := db.list(ctx, query, nil, func() []any {
		all = append(all, storage.InitialAccessToken{})
		return initialFields(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("list initial access tokens: %w", err)
	}
	return all, nil
}

// DeleteInitialAccessToken implements [storage.Store].
func (db *DB) DeleteInitialAccessToken(ctx context.Context, id string) error {
	return db.delete(ctx, "initial access token", `DELETE FROM initial_access_tokens WHERE id = ?`, id)
}

// Count implements [storage.Store].
func (db *DB) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int, err error) {
	err = db.write(ctx, func(t *tx) (err error) {
		n, err = count(t, key, now, window)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}
