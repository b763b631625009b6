package postgres_test

import (
	"bytes"
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/migrations"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// Nodes that start at once on an empty database all find it migrated, also when
// there are more of them than the pooler has connections.
func TestNodesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(t *testing.T) string{
		"directly":          func(t *testing.T) string { t.Helper(); return pgtest.NewEmptyDatabase(t) },
		"through PgBouncer": func(t *testing.T) string { t.Helper(); return pgtest.PgBouncer(t, pgtest.NewEmptyDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, postgres.Config{URL: url(t)})
			isMigrated(t, db, false)
			var wg sync.WaitGroup
			for range 24 {
				wg.Go(func() {
					if err := db.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			isMigrated(t, db, true)
			saveClient(t, db)
		})
	}
}

func TestMigrationGoesPastThePooler(t *testing.T) {
	t.Parallel()
	direct := pgtest.NewEmptyDatabase(t)
	pooled := newProxy(t, direct)
	db := open(t, postgres.Config{URL: pooled.url, DirectURL: direct})
	migrate(t, db)
	if got := pooled.connections.Load(); got != 0 {
		t.Errorf("got %d connections to the pooler, want none", got)
	}
}

func TestMigrationCutShortIsRunAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	proxy := newProxy(t, url)
	proxy.onQuestion(func(b []byte) bool { return !bytes.Contains(b, []byte("CREATE TABLE consents")) })
	if err := open(t, postgres.Config{URL: proxy.url}).Migrate(t.Context()); err == nil {
		t.Fatal("got no error from a connection that was cut")
	}
	db := open(t, postgres.Config{URL: url})
	isMigrated(t, db, false)
	migrate(t, db)
	isMigrated(t, db, true)
}

// Records of the releases before are read as they were meant, whether those wrote
// them before the migration or after, and people who are there already get a salt each.
func TestRecordsOfFormerSchemasStayValid(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]int64{"before": 2, "after": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewEmptyDatabase(t)
			config, err := pgx.ParseConfig(url)
			if err != nil {
				t.Fatal(err)
			}
			conns := stdlib.OpenDB(*config)
			defer conns.Close()
			const at, list = "timestamptz '2031-02-03 04:05:06Z'", "'{}'"
			upTo(t, conns, 1)
			run(t, conns, storagetest.FirstRecords(at, list, "sha256('')"))
			upTo(t, conns, written)
			run(t, conns, storagetest.SecondRecords(at, list))
			db := open(t, postgres.Config{URL: url})
			migrate(t, db)
			storagetest.CheckFirstRecords(t, db)
		})
	}
}

func upTo(t *testing.T, conns *sql.DB, version int64) {
	t.Helper()
	p, err := goose.NewProvider(goose.DialectPostgres, conns, migrations.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, conns *sql.DB, statements string) {
	t.Helper()
	if _, err := conns.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func isMigrated(t *testing.T, db *postgres.DB, want bool) {
	t.Helper()
	got, err := db.Migrated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("migrated: got %t, want %t", got, want)
	}
}

// What a resource server may see: the standard claims of OpenID Connect Core
// §5.1 of those who can sign in.
func TestUserProfilesHaveClaimsOnly(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	db := open(t, postgres.Config{URL: url})
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	for id, disabledAt := range map[string]time.Time{"enabled": {}, "disabled": now} {
		if err := db.SaveUser(t.Context(), storage.User{
			ID: id, PasswordHash: "secret", DisabledAt: disabledAt, CreatedAt: now, UpdatedAt: now,
			Claims: storage.Claims{Name: "Zoë", EmailVerified: true, Address: &storage.Address{Locality: "Köln"}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT * FROM user_profiles`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"sub": "enabled", "name": "Zoë", "email": nil, "email_verified": true,
		"phone_number_verified": false, "address": map[string]any{"locality": "Köln"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, value := range got {
		if slices.Contains([]any{"secret"}, value) {
			t.Errorf("%s shows the password hash", name)
		}
	}
}
