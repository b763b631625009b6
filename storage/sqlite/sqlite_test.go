package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return open(t, filepath.Join(t.TempDir(), "gatelodge.db"))
	})
}

// open opens the file, with its schema, for the length of the test.
func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
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
