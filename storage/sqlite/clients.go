package sqlite

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// FindClient implements [storage.Store].
func (db *DB) FindClient(ctx context.Context, id string) (storage.Client, error) {
	var c storage.Client
	ok, err := db.find(ctx, findClient, []any{id}, clientFields(&c))
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Client{}, fmt.Errorf("find client %q: %w", id, err)
	}
	return c, nil
}

// ListClients implements [storage.Store].
func (db *DB) ListClients(ctx context.Context) ([]storage.Client, error) {
	var all []storage.Client
	err := db.list(ctx, `SELECT `+clientColumns+` FROM clients ORDER BY id`, nil, func() []any {
		all = append(all, storage.Client{})
		return clientFields(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	return all, nil
}

// SaveClient implements [storage.Store].
func (db *DB) SaveClient(ctx context.Context, c storage.Client) error {
	return db.run(ctx, "save client", statement{
		`INSERT INTO clients (` + clientColumns + `) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET secret_hash = excluded.secret_hash,
			metadata = excluded.metadata, updated_at = excluded.updated_at`,
		[]any{c.ID, c.SecretHash, document{c.Metadata}, micros(c.CreatedAt), micros(c.UpdatedAt)},
	})
}

// DeleteClient implements [storage.Store].
func (db *DB) DeleteClient(ctx context.Context, id string) error {
	return db.delete(ctx, "client", `DELETE FROM clients WHERE id = ?`, id)
}
