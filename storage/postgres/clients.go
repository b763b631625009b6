package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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
	all, err := list(ctx, db, clientFields, `SELECT `+clientColumns+` FROM clients c ORDER BY c.id`)
	return all, doing("list clients", err)
}

// SaveClient implements [storage.Store].
func (db *DB) SaveClient(ctx context.Context, c storage.Client) error {
	return doing(fmt.Sprintf("save client %q", c.ID), db.exec(ctx, nil, insertClient+`
		SELECT `+clientValues+`
		ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash, metadata = excluded.metadata,
			registration_hash = excluded.registration_hash, expires_at = excluded.expires_at,
			updated_at = excluded.updated_at`,
		clientArgs(c)))
}

const (
	insertClient = `INSERT INTO clients
		(id, secret_hash, metadata, registration_hash, expires_at, created_at, updated_at) `
	clientValues = `@id::text, @secret_hash::bytea, @metadata::jsonb, @registration_hash::bytea,
		@expires_at::timestamptz, @created_at::timestamptz, @updated_at::timestamptz`
)

func clientArgs(c storage.Client) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": c.ID, "secret_hash": c.SecretHash, "metadata": document{c.Metadata},
		"registration_hash": hash(c.RegistrationHash), "expires_at": instant(c.ExpiresAt),
		"created_at": instant(c.CreatedAt), "updated_at": instant(c.UpdatedAt),
	}
}

// RegisterClient implements [storage.Store]. A lost answer leaves a client that
// nobody knows of, which expires; it is reported as the conflict with itself.
func (db *DB) RegisterClient(ctx context.Context, c storage.Client, initialAccessToken storage.Hash) error {
	query, args := insertClient+`SELECT `+clientValues, clientArgs(c)
	if initialAccessToken != (storage.Hash{}) {
		query = `WITH used AS (
			UPDATE initial_access_tokens SET remaining = remaining - 1
			WHERE hash = @token::bytea AND remaining > 0 AND expires_at > @created_at::timestamptz
			RETURNING 1) ` + query + ` FROM used`
		args["token"] = hash(initialAccessToken)
	}
	return doing(fmt.Sprintf("register client %q", c.ID), db.exec(ctx, storage.ErrSpent, query, args))
}

// UpdateClient implements [storage.Store].
func (db *DB) UpdateClient(ctx context.Context, c storage.Client) error {
	return doing(fmt.Sprintf("update client %q", c.ID), db.exec(ctx, storage.ErrNotFound, `
		UPDATE clients SET secret_hash = @secret_hash::bytea, metadata = @metadata::jsonb,
			registration_hash = @registration_hash::bytea, updated_at = @updated_at::timestamptz,
			expires_at = CASE WHEN expires_at IS NOT NULL THEN @expires_at::timestamptz END
		WHERE id = @id::text AND registration_hash IS NOT NULL`, clientArgs(c)))
}

// DeleteClient implements [storage.Store].
func (db *DB) DeleteClient(ctx context.Context, id string) error {
	return doing(fmt.Sprintf("delete client %q", id), db.exec(ctx, storage.ErrNotFound,
		`DELETE FROM clients WHERE id = $1::text`, id))
}
