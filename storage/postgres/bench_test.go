package postgres_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

func BenchmarkStore(b *testing.B) {
	for _, mode := range []string{"exec", "cache_statement"} {
		b.Run(mode, func(b *testing.B) {
			url := withMode(b, pgtest.NewDatabase(b), mode)
			db, err := postgres.Open(b.Context(), postgres.Config{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			storagetest.Bench(b, db)
		})
	}
}
