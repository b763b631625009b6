package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/gatelodge/gatelodge/migrations"
)

const (
	// migrationLock is an arbitrary number that no other program should use.
	migrationLock = 0x6761_7465_6c6f_6467
	// lockRetry is how often a node asks whether another has finished migrating.
	lockRetry = 200 * time.Millisecond
)

// Migrate brings the schema up to date. Of several nodes that start at once one
// does, and the others wait for it.
func (db *DB) Migrate(ctx context.Context) error {
	conns := stdlib.OpenDB(*db.direct)
	defer conns.Close()

	unlock, err := lockMigrations(ctx, conns)
	if err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	defer unlock()

	p, err := provider(conns)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// lockMigrations holds the lock in a transaction, on a connection of its own: a
// lock of the session would stay behind in the pooler. It goes when the process
// dies. A node that has to wait holds no transaction meanwhile, for those that
// wait could use up the pooler's connections, of which the winner needs two.
func lockMigrations(ctx context.Context, conns *sql.DB) (unlock func(), err error) {
	for {
		tx, err := conns.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		rollback := func() { _ = tx.Rollback() } // it wrote nothing
		var locked bool
		err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1::bigint)`,
			int64(migrationLock)).Scan(&locked)
		if err == nil && locked {
			return rollback, nil
		}
		rollback()
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Migrated tells whether the schema is up to date.
func (db *DB) Migrated(ctx context.Context) (bool, error) {
	conns := stdlib.OpenDB(*db.direct)
	defer conns.Close()

	var exists bool
	err := conns.QueryRowContext(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("read the schema version: %w", err)
	}
	if !exists {
		return false, nil // asking goose would create it
	}
	p, err := provider(conns)
	if err != nil {
		return false, err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version: %w", err)
	}
	return !pending, nil
}

func provider(conns *sql.DB) (*goose.Provider, error) {
	p, err := goose.NewProvider(goose.DialectPostgres, conns, migrations.Postgres,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("load migrations: %w", err)
	}
	return p, nil
}
