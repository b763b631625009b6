package postgres_test

import (
	"net/url"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, postgres.Config{URL: pgtest.NewDatabase(t)})
	})
}

// Neon's pooled URL is a PgBouncer that pools by transaction.
func TestContractThroughPgBouncer(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, postgres.Config{URL: pgtest.PgBouncer(t, pgtest.NewDatabase(t))})
	})
}

// Where no pooler is in between, a URL may ask for prepared statements, which cost
// PostgreSQL a quarter.
func TestContractWithPreparedStatements(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, postgres.Config{URL: withMode(t, pgtest.NewDatabase(t), "cache_statement")})
	})
}

// Neon's URLs ask for TLS and channel binding.
func TestContractOverTLSWithChannelBinding(t *testing.T) {
	t.Parallel()
	storagetest.RunShort(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, postgres.Config{URL: pgtest.TLS(t, pgtest.NewDatabase(t))})
	})
}

// withMode returns the URL with a way to send queries.
func withMode(tb testing.TB, database, mode string) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	query := u.Query()
	query.Set("default_query_exec_mode", mode)
	u.RawQuery = query.Encode()
	return u.String()
}

// open opens the database for the length of the test.
func open(t *testing.T, c postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func migrate(t *testing.T, db *postgres.DB) {
	t.Helper()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}
