package providertest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// OnEachDatabase runs the test with a provider over SQLite, over PostgreSQL, and
// over PostgreSQL through PgBouncer. The TestMain of its package is
// [pgtest.Main].
func OnEachDatabase(t *testing.T, o Options, test func(*testing.T, *Provider)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) storage.Store{
		"SQLite":     SQLite,
		"PostgreSQL": func(t testing.TB) storage.Store { return Postgres(t, pgtest.NewDatabase(t), nil) },
		"PgBouncer": func(t testing.TB) storage.Store {
			return Postgres(t, pgtest.PgBouncer(t, pgtest.NewDatabase(t)), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o
			o.Store = open(t)
			test(t, New(t, o))
		})
	}
}

// SQLite opens a fresh, migrated database file of the test's own.
func SQLite(t testing.TB) storage.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, db)
}

// Postgres opens a database of PostgreSQL and migrates it. The tracer may be nil.
func Postgres(t testing.TB, url string, tracer pgx.QueryTracer) storage.Store {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, Tracer: tracer})
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, db)
}

func opened(t testing.TB, db interface {
	storage.Store
	Migrate(context.Context) error
},
) storage.Store {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// made are signing keys that earlier tests of this process have made, by the
// master secret they are sealed under and by algorithm: an RSA key takes longer
// than most tests.
var made = struct { //nolint:gochecknoglobals // see above
	sync.Mutex
	keys map[[2]string]storage.SigningKey
}{keys: map[[2]string]storage.SigningKey{}}

// loadKeys gives the provider its keys: those made before, as far as they go.
func (p *Provider) loadKeys(t testing.TB) {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	secret := string(p.Secrets.For("telling secrets apart in tests").MAC())
	for _, algorithm := range p.Keys.KeyAlgorithms() {
		if k, ok := made.keys[[2]string{secret, algorithm}]; ok {
			err := p.Store.AddSigningKey(t.Context(), k, "", time.Time{})
			if err != nil && !errors.Is(err, storage.ErrConflict) {
				t.Fatal(err)
			}
		}
	}
	if err := p.Keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := p.Store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		made.keys[[2]string{secret, k.Algorithm}] = k
	}
}
