package sqlite_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/storage/sqlite"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

func BenchmarkStore(b *testing.B) {
	db, err := sqlite.Open(b.Context(), b.TempDir()+"/gatelodge.db")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	storagetest.Bench(b, db)
}
