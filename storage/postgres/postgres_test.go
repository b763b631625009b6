package postgres_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

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

// Prepared statements belong to a session of the server's, which a pooler does not
// keep for us: PostgreSQL says whether one is in between. A URL that says how to
// send queries is obeyed.
func TestStatementsArePreparedWhereNoPoolerIsInBetween(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	for name, test := range map[string]struct {
		url  string
		want pgx.QueryExecMode
	}{
		"directly":  {database, pgx.QueryExecModeCacheStatement},
		"PgBouncer": {pgtest.PgBouncer(t, database), pgx.QueryExecModeExec},
		"as said":   {withMode(t, database, "exec"), pgx.QueryExecModeExec},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last lastConn
			db := open(t, postgres.Config{URL: test.url, Tracer: &last})
			if _, err := db.Catalogue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if mode := last.conn.Config().DefaultQueryExecMode; mode != test.want {
				t.Errorf("statements are sent in mode %s, want %s", mode, test.want)
			}
		})
	}
}

// The round trips of a request follow each other on one connection: to open
// another would cost more than all of them.
func TestRoundTripsInTurnShareAConnection(t *testing.T) {
	t.Parallel()
	var last lastConn
	db := open(t, postgres.Config{URL: pgtest.NewDatabase(t), Tracer: &last})
	seen := map[*pgx.Conn]bool{}
	for range 100 {
		if _, err := db.Catalogue(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen[last.conn] = true
	}
	if len(seen) > 1 {
		t.Errorf("100 round trips in turn took %d connections", len(seen))
	}
}

// lastConn is the connection that the last query or batch was sent on.
type lastConn struct{ conn *pgx.Conn }

func (l *lastConn) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	l.conn = conn
	return ctx
}

func (*lastConn) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (l *lastConn) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	l.conn = conn
	return ctx
}

func (*lastConn) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (*lastConn) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

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
