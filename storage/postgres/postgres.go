// Package postgres is the production engine: the [storage.Store] in PostgreSQL,
// shared by any number of nodes. It owns the pool of connections, what becomes of
// a lost one, and the SQL; the schema is in package migrations.
//
// It needs no more than a pooled URL, PgBouncer's in transaction mode, as Neon
// gives: no session keeps state. Only where no pooler is in between are statements
// prepared, see [preparation]. Without requests it sends no query, so that the
// database can suspend.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	// bound is how long a request waits for a connection, and then for its answer.
	bound = 5 * time.Second
	// connectTimeout outlasts bound: the request that wakes a suspended database
	// may fail, but the connection that it began serves the next.
	connectTimeout = 10 * time.Second
	// maxIdle is shorter than the five minutes after which Neon suspends.
	maxIdle = 2 * time.Minute
	// execMode is the setting of how queries are sent.
	execMode = "default_query_exec_mode"
	// maxConns suits two round trips of a few milliseconds a request.
	maxConns = 16
)

var _ storage.Store = (*DB)(nil)

// Config says which database to use.
type Config struct {
	// URL is a connection URL as libpq and pgx take it. What it says of pool_*,
	// connect_timeout and default_query_exec_mode wins over our defaults.
	URL string
	// DirectURL goes past the pooler. Only migrations use it; "" means URL.
	DirectURL string
	// Tracer sees every query and batch; nil means none.
	Tracer pgx.QueryTracer
}

// DB is a database that is connected to as requests need it.
type DB struct {
	pool   *pgxpool.Pool
	direct *pgx.ConnConfig
}

// Open checks the configuration. It connects to nothing yet.
func Open(ctx context.Context, c Config) (*DB, error) {
	pool, err := poolConfig(c)
	if err != nil {
		return nil, err
	}
	direct := pool.ConnConfig.Copy()
	if c.DirectURL != "" {
		if direct, err = connConfig(c.DirectURL); err != nil {
			return nil, err
		}
	}
	db := &DB{direct: direct}
	if db.pool, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

func poolConfig(c Config) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err) // pgx redacts the password
	}
	names := func(setting string) bool { return strings.Contains(c.URL, setting) }
	setDefaults(config.ConnConfig, c.URL)
	config.ConnConfig.Tracer = c.Tracer
	if !names(execMode) {
		new(preparation).apply(config)
	}
	if !names("pool_max_conns") {
		config.MaxConns = maxConns
	}
	if !names("pool_max_conn_idle_time") {
		config.MaxConnIdleTime = maxIdle
	}
	// A ping would be one more round trip: do finds out, and tries again.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	return config, nil
}

func connConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse direct database URL: %w", err)
	}
	setDefaults(config, url)
	return config, nil
}

func setDefaults(config *pgx.ConnConfig, url string) {
	if !strings.Contains(url, execMode) {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if !strings.Contains(url, "connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
}

// Close closes all connections when the requests under way are done.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}

// Ping asks the database whether it answers, for as long as the context allows.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// do runs f, which is one round trip, on a connection of the pool. When that
// turns out to be lost, as all are after the database was restarted, f runs once
// more on a new one: so f must be safe to repeat.
func (db *DB) do(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	lost, err := db.try(ctx, f)
	if lost {
		db.pool.Reset()
		_, err = db.try(ctx, f)
	}
	return err
}

// try tells whether it is worth trying again. A caller that goes away stops
// waiting for a connection, but not what was sent: to cancel it would cost the
// connection and leave the outcome unknown.
func (db *DB) try(ctx context.Context, f func(context.Context, *pgx.Conn) error) (lost bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	conn, err := db.pool.Acquire(waiting)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()

	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	err = f(running, conn.Conn())
	lost = err != nil && running.Err() == nil && (conn.Conn().IsClosed() || deadlocked(err))
	return lost, err
}

// exec runs one statement, and fails with none if it wrote no row, unless none
// is nil.
func (db *DB) exec(ctx context.Context, none error, query string, args ...any) error {
	return db.do(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, query, args...)
		if err != nil {
			return refusal(err)
		}
		if tag.RowsAffected() == 0 {
			return none
		}
		return nil
	})
}

// send sends what fill queues as one round trip and one transaction.
func (db *DB) send(ctx context.Context, fill func(*pgx.Batch)) error {
	return db.do(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var b pgx.Batch
		fill(&b)
		if b.Len() == 0 {
			return nil
		}
		return refusal(conn.SendBatch(ctx, &b).Close())
	})
}

// find reads one record into fresh fields, and fails if there is none.
func (db *DB) find(ctx context.Context, fields func() []any, query string, args ...any) error {
	found := false
	err := db.send(ctx, func(b *pgx.Batch) {
		one(b.Queue(query, args...), fields(), func() { found = true })
	})
	if err == nil && !found {
		return storage.ErrNotFound
	}
	return err
}

// one scans the row that a queued query finds, if any, and then calls found.
func one(q *pgx.QueuedQuery, dest []any, found func()) {
	q.QueryRow(func(row pgx.Row) error {
		err := row.Scan(dest...)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		found()
		return nil
	})
}

// list reads all records.
func list[T any](
	ctx context.Context, db *DB, fields func(*T) []any, query string, args ...any,
) (all []T, err error) {
	err = db.do(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, fields)
		return err
	})
	return all, err
}

// many scans the rows that a queued query finds.
func many[T any](q *pgx.QueuedQuery, dest *[]T, fields func(*T) []any) {
	q.Query(func(rows pgx.Rows) (err error) {
		*dest, err = collect(rows, fields)
		return err
	})
}

func collect[T any](rows pgx.Rows, fields func(*T) []any) ([]T, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (record T, err error) {
		err = row.Scan(fields(&record)...)
		return record, err
	})
}

// doing says what failed.
func doing(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
