package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// SigningKeys implements [storage.Store].
func (db *DB) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	all, err := list(ctx, db, keyFields,
		`SELECT `+keyColumns+` FROM signing_keys ORDER BY created_at, id`)
	return all, doing("list signing keys", err)
}

// AddSigningKey implements [storage.Store]. It relies on the unique index that
// admits one newest key of each algorithm: a first key where there is one already
// is a conflict.
func (db *DB) AddSigningKey(
	ctx context.Context, k storage.SigningKey, after string, afterRetiresAt time.Time,
) error {
	return doing(fmt.Sprintf("add signing key %q", k.ID), db.exec(ctx, storage.ErrConflict, `
		WITH retired AS (
			UPDATE signing_keys SET retired_at = $8::timestamptz
			WHERE id = $7::text AND algorithm = $2::text AND retired_at IS NULL RETURNING 1)
		INSERT INTO signing_keys (id, algorithm, public_jwk, sealed_key, created_at, active_at)
		SELECT $1::text, $2::text, $3::bytea, $4::bytea, $5::timestamptz, $6::timestamptz
		WHERE $7::text = '' OR EXISTS (SELECT FROM retired)`,
		k.ID, k.Algorithm, k.PublicJWK, k.SealedKey, instant(k.CreatedAt), instant(k.ActiveAt),
		after, instant(afterRetiresAt)))
}

// ResealSigningKey implements [storage.Store].
func (db *DB) ResealSigningKey(ctx context.Context, id string, sealed []byte) error {
	return doing(fmt.Sprintf("reseal signing key %q", id), db.exec(ctx, storage.ErrNotFound,
		`UPDATE signing_keys SET sealed_key = $2::bytea WHERE id = $1::text`, id, sealed))
}

// DeleteSigningKeys implements [storage.Store].
func (db *DB) DeleteSigningKeys(ctx context.Context, retiredBefore time.Time) error {
	return doing("delete signing keys", db.exec(ctx, nil,
		`DELETE FROM signing_keys WHERE retired_at < $1::timestamptz`, instant(retiredBefore)))
}
