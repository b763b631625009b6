package postgres

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// Catalogue implements [storage.Store].
func (db *DB) Catalogue(ctx context.Context) (storage.Catalogue, error) {
	state, err := db.Read(ctx, storage.Wanted{Catalogue: true})
	if err != nil {
		return storage.Catalogue{}, fmt.Errorf("list scopes and resource servers: %w", err)
	}
	return *state.Catalogue, nil
}

// SaveScope implements [storage.Store].
func (db *DB) SaveScope(ctx context.Context, s storage.Scope) error {
	return doing(fmt.Sprintf("save scope %q", s.Name), db.exec(ctx, nil, `
		INSERT INTO scopes (name, description, resource_server)
		VALUES ($1::text, $2::text, $3::text)
		ON CONFLICT (name) DO UPDATE SET description = excluded.description,
			resource_server = excluded.resource_server`,
		s.Name, s.Description, s.ResourceServer))
}

// DeleteScope implements [storage.Store].
func (db *DB) DeleteScope(ctx context.Context, name string) error {
	return doing(fmt.Sprintf("delete scope %q", name), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM scopes WHERE name = $1::text`, name))
}

// SaveResourceServer implements [storage.Store].
func (db *DB) SaveResourceServer(ctx context.Context, s storage.ResourceServer) error {
	return doing(fmt.Sprintf("save resource server %q", s.Identifier), db.exec(ctx, nil, `
		INSERT INTO resource_servers (identifier, name, client_id)
		VALUES ($1::text, $2::text, $3::text)
		ON CONFLICT (identifier) DO UPDATE SET name = excluded.name, client_id = excluded.client_id`,
		s.Identifier, s.Name, s.ClientID))
}

// DeleteResourceServer implements [storage.Store].
func (db *DB) DeleteResourceServer(ctx context.Context, identifier string) error {
	return doing(fmt.Sprintf("delete resource server %q", identifier), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM resource_servers WHERE identifier = $1::text`, identifier))
}
