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
		insertClient + ` ON CONFLICT DO UPDATE SET secret_hash = excluded.secret_hash,
			metadata = excluded.metadata, registration_hash = excluded.registration_hash,
			expires_at = excluded.expires_at, updated_at = excluded.updated_at`, clientArgs(c),
	})
}

const insertClient = `INSERT INTO clients
	(id, secret_hash, metadata, registration_hash, expires_at, created_at, updated_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`

func clientArgs(c storage.Client) []any {
	return []any{
		c.ID, c.SecretHash,
		document{c.Metadata},
		hash(c.RegistrationHash),
		micros(c.ExpiresAt), micros(c.CreatedAt), micros(c.UpdatedAt),
	}
}

// RegisterClient implements [storage.Store].
func (db *DB) RegisterClient(ctx context.Context, c storage.Client, initialAccessToken storage.Hash) error {
	err := db.write(ctx, func(t *tx) error {
		if initialAccessToken != (storage.Hash{}) {
			if err := guard(t, storage.ErrSpent, `
				UPDATE initial_access_tokens SET remaining = remaining - 1
				WHERE hash = ? AND remaining > 0 AND expires_at > ?`,
				hash(initialAccessToken), micros(c.CreatedAt)); err != nil {
				return err
			}
		}
		_, err := t.exec(insertClient, clientArgs(c)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("register client %q: %w", c.ID, err)
	}
	return nil
}

// UpdateClient implements [storage.Store].
func (db *DB) UpdateClient(ctx context.Context, c storage.Client) error {
	err := db.write(ctx, func(t *tx) error {
		return guard(t, storage.ErrNotFound, `
			UPDATE clients SET secret_hash = ?, metadata = ?, registration_hash = ?,
				expires_at = iif(expires_at IS NULL, NULL, ?), updated_at = ?
			WHERE id = ? AND registration_hash IS NOT NULL`,
			c.SecretHash, document{c.Metadata}, hash(c.RegistrationHash),
			micros(c.ExpiresAt), micros(c.UpdatedAt), c.ID)
	})
	if err != nil {
		return fmt.Errorf("update client %q: %w", c.ID, err)
	}
	return nil
}

// DeleteClient implements [storage.Store].
func (db *DB) DeleteClient(ctx context.Context, id string) error {
	return db.delete(ctx, "client", `DELETE FROM clients WHERE id = ?`, id)
}
