package postgres

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// Catalogue implements [storage.Store].
func (db *DB) Catalogue(ctx context.Context) (storage.Catalogue, error) {
	scopes, err := list(ctx, db, func(s *storage.Scope) []any {
		return []any{&s.Name, &s.Description, &s.ResourceServer}
	}, `SELECT name, description, resource_server FROM scopes ORDER BY name`)
	if err != nil {
		return storage.Catalogue{}, fmt.Errorf("list scopes: %w", err)
	}
	servers, err := list(ctx, db, func(s *storage.ResourceServer) []any {
		return []any{&s.Identifier, &s.Name, &s.ClientID}
	}, `SELECT identifier, name, client_id FROM resource_servers ORDER BY identifier`)
	if err != nil {
		return storage.Catalogue{}, fmt.Errorf("list resource servers: %w", err)
	}
	return storage.Catalogue{Scopes: scopes, ResourceServers: servers}, nil
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
