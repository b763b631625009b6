package keys

import (
	"path/filepath"
	"testing"

	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// newStore returns an empty database.
func newStore(tb testing.TB) Store {
	tb.Helper()
	db, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "keys.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return db
}
