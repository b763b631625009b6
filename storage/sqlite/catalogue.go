package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// Catalogue implements [storage.Store].
func (db *DB) Catalogue(ctx context.Context) (storage.Catalogue, error) {
	var c storage.Catalogue
	const scopes = `SELECT name, description, resource_server FROM scopes ORDER BY name`
	err := db.list(ctx, scopes, nil, func() []any {
		c.Scopes = append(c.Scopes, storage.Scope{})
		s := &c.Scopes[len(c.Scopes)-1]
		return []any{&s.Name, &s.Description, &s.ResourceServer}
	})
	if err != nil {
		return storage.Catalogue{}, fmt.Errorf("list scopes: %w", err)
	}
	const servers = `SELECT identifier, name, client_id FROM resource_servers ORDER BY identifier`
	err = db.list(ctx, servers, nil, func() []any {
		c.ResourceServers = append(c.ResourceServers, storage.ResourceServer{})
		s := &c.ResourceServers[len(c.ResourceServers)-1]
		return []any{&s.Identifier, &s.Name, &s.ClientID}
	})
	if err != nil {
		return storage.Catalogue{}, fmt.Errorf("list resource servers: %w", err)
	}
	return c, nil
}

// SaveScope implements [storage.Store].
func (db *DB) SaveScope(ctx context.Context, s storage.Scope) error {
	return db.run(ctx, "save scope", statement{
		`INSERT INTO scopes (name, description, resource_server) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET description = excluded.description,
			resource_server = excluded.resource_server`,
		[]any{s.Name, s.Description, s.ResourceServer},
	})
}

// DeleteScope implements [storage.Store].
func (db *DB) DeleteScope(ctx context.Context, name string) error {
	return db.delete(ctx, "scope", `DELETE FROM scopes WHERE name = ?`, name)
}

// SaveResourceServer implements [storage.Store].
func (db *DB) SaveResourceServer(ctx context.Context, s storage.ResourceServer) error {
	return db.run(ctx, "save resource server", statement{
		`INSERT INTO resource_servers (identifier, name, client_id) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET name = excluded.name, client_id = excluded.client_id`,
		[]any{s.Identifier, s.Name, s.ClientID},
	})
}

// DeleteResourceServer implements [storage.Store].
func (db *DB) DeleteResourceServer(ctx context.Context, identifier string) error {
	return db.delete(ctx, "resource server",
		`DELETE FROM resource_servers WHERE identifier = ?`, identifier)
}

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
