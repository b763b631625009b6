// Package sqlite is the embedded engine: the [storage.Store] in one SQLite file,
// for a single serving process. It owns the file, its lock and the order of
// writes; the schema is in package migrations.
//
// One goroutine writes. It coalesces the writes of concurrent requests into one
// commit, and answers each only when that commit is on the disk.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver

	"github.com/gatelodge/gatelodge/migrations"
	"github.com/gatelodge/gatelodge/storage"
)

// readers bounds the connections that read. Reads take microseconds.
const readers = 4

var _ storage.Store = (*DB)(nil)

// DB is an open database file.
type DB struct {
	path   string
	lock   *os.File // nil when shared
	reads  *sql.DB
	writes *sql.DB
	writer *writer

	prepared sync.Map // SQL → *sql.Stmt, of reads
}

// Open opens the file for the process that serves it, and creates it if need be.
// It fails with ErrServed when another process serves the file already.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := prepare(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	db.lock = lock
	return db, nil
}

// OpenShared opens the file beside the process that serves it, if any: for the
// short-lived commands of an operator. Both are safe, for each write is a
// transaction; the process that serves never waits long.
func OpenShared(ctx context.Context, path string) (*DB, error) {
	path, err := prepare(path)
	if err != nil {
		return nil, err
	}
	return open(ctx, path)
}

func prepare(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open database %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("open database %s: %w", path, err)
	}
	return path, createFile(path)
}

// createFile makes a file that only its owner can read, before SQLite makes one
// that all can. An existing one is left alone: to open and close it here would
// drop the locks that this process has on it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator's path
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return f.Close()
}

func open(ctx context.Context, path string) (*DB, error) {
	writes, err := sql.Open("sqlite", dsn(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	writes.SetMaxOpenConns(2) // the writer's own, and one for migrations
	conn, err := writes.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, writes.Close()))
	}
	reads, err := sql.Open("sqlite", dsn(path, "_query_only=1"))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, writes.Close()))
	}
	reads.SetMaxOpenConns(readers)
	reads.SetMaxIdleConns(readers)
	return &DB{path: path, reads: reads, writes: writes, writer: startWriter(context.WithoutCancel(ctx), conn)}, nil
}

// dsn sets what SQLite leaves off: a commit that survives a power cut, foreign
// keys, and waiting for another process's write instead of failing.
func dsn(path, more string) string {
	file := url.URL{Scheme: "file", OmitHost: true, Path: path}
	return file.String() + "?_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL" +
		"&_foreign_keys=1&_dqs=0&" + more
}

// Close answers the writes under way, then closes the file and gives up its lock.
func (db *DB) Close() error {
	err := errors.Join(db.writer.close(), db.reads.Close(), db.writes.Close())
	if db.lock != nil {
		err = errors.Join(err, db.lock.Close())
	}
	return err
}

// Ping asks whether the file can be read.
func (db *DB) Ping(ctx context.Context) error {
	var tables int
	const query = `SELECT count(*) FROM sqlite_schema`
	if err := db.reads.QueryRowContext(ctx, query).Scan(&tables); err != nil {
		return fmt.Errorf("ping database %s: %w", db.path, err)
	}
	return nil
}

// Migrate brings the schema up to date.
func (db *DB) Migrate(ctx context.Context) error {
	// Two processes that find an empty file at once would both create the
	// tables: the second waits here, and then finds nothing to do.
	lock, err := lockMigrations(db.path)
	if err != nil {
		return err
	}
	defer lock.Close()

	p, err := db.migrations()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database %s: %w", db.path, err)
	}
	return nil
}

// Migrated tells whether the schema is up to date.
func (db *DB) Migrated(ctx context.Context) (bool, error) {
	var tables int
	const query = `SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`
	if err := db.reads.QueryRowContext(ctx, query).Scan(&tables); err != nil {
		return false, fmt.Errorf("read the schema version of %s: %w", db.path, err)
	}
	if tables == 0 {
		return false, nil // asking goose would create it
	}
	p, err := db.migrations()
	if err != nil {
		return false, err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version of %s: %w", db.path, err)
	}
	return !pending, nil
}

func (db *DB) migrations() (*goose.Provider, error) {
	p, err := goose.NewProvider(goose.DialectSQLite3, db.writes, migrations.SQLite,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("load migrations: %w", err)
	}
	return p, nil
}
