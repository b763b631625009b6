package sqlite

import (
	"context"
	"fmt"

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
