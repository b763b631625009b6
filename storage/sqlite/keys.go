package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// SigningKeys implements [storage.Store].
func (db *DB) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	var all []storage.SigningKey
	const query = `SELECT ` + keyColumns + ` FROM signing_keys ORDER BY created_at, id`
	err := db.list(ctx, query, nil, func() []any {
		all = append(all, storage.SigningKey{})
		return keyFields(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	return all, nil
}

// AddSigningKey implements [storage.Store].
func (db *DB) AddSigningKey(
	ctx context.Context, key storage.SigningKey, after string, afterRetiresAt time.Time,
) error {
	err := db.write(ctx, func(t *tx) error { return addSigningKey(t, key, after, afterRetiresAt) })
	if err != nil {
		return fmt.Errorf("add signing key %q: %w", key.ID, err)
	}
	return nil
}

// addSigningKey relies on the unique index that admits one newest key of each
// algorithm: a first key where there is one already is a conflict.
func addSigningKey(t *tx, k storage.SigningKey, after string, afterRetiresAt time.Time) error {
	if after != "" {
		if err := guard(t, storage.ErrConflict, `
			UPDATE signing_keys SET retired_at = ?
			WHERE id = ? AND algorithm = ? AND retired_at IS NULL`,
			micros(afterRetiresAt), after, k.Algorithm); err != nil {
			return err
		}
	}
	_, err := t.exec(`INSERT INTO signing_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?, NULL)`,
		k.ID, k.Algorithm, k.PublicJWK, k.SealedKey, micros(k.CreatedAt), micros(k.ActiveAt))
	return err
}

// ResealSigningKey implements [storage.Store].
func (db *DB) ResealSigningKey(ctx context.Context, id string, sealed []byte) error {
	err := db.write(ctx, func(t *tx) error {
		return guard(t, storage.ErrNotFound,
			`UPDATE signing_keys SET sealed_key = ? WHERE id = ?`, sealed, id)
	})
	if err != nil {
		return fmt.Errorf("reseal signing key %q: %w", id, err)
	}
	return nil
}

// DeleteSigningKeys implements [storage.Store].
func (db *DB) DeleteSigningKeys(ctx context.Context, retiredBefore time.Time) error {
	return db.run(ctx, "delete signing keys", statement{
		`DELETE FROM signing_keys WHERE retired_at < ?`, []any{micros(retiredBefore)},
	})
}
