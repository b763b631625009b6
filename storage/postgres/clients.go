package postgres

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// FindClient implements [storage.Store].
func (db *DB) FindClient(ctx context.Context, id string) (storage.Client, error) {
	var c storage.Client
	err := db.find(ctx, func() []any {
		c = storage.Client{}
		return clientFields(&c)
	}, findClient, id)
	return c, doing(fmt.Sprintf("find client %q", id), err)
}

// ListClients implements [storage.Store].
func (db *DB) ListClients(ctx context.Context) ([]storage.Client, error) {
	all, err := list(ctx, db, clientFields, `SELECT `+clientColumns+` FROM clients ORDER BY id`)
	return all, doing("list clients", err)
}

// SaveClient implements [storage.Store].
func (db *DB) SaveClient(ctx context.Context, c storage.Client) error {
	return doing(fmt.Sprintf("save client %q", c.ID), db.exec(ctx, nil, `
		INSERT INTO clients (id, secret_hash, metadata, created_at, updated_at)
		VALUES ($1::text, $2::bytea, $3::jsonb, $4::timestamptz, $5::timestamptz)
		ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash,
			metadata = excluded.metadata, updated_at = excluded.updated_at`,
		c.ID, c.SecretHash, document{c.Metadata}, instant(c.CreatedAt), instant(c.UpdatedAt)))
}

// DeleteClient implements [storage.Store].
func (db *DB) DeleteClient(ctx context.Context, id string) error {
	return doing(fmt.Sprintf("delete client %q", id), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM clients WHERE id = $1::text`, id))
}
