package client_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// A client that registered itself is gone when it expires, and not when it is
// cleaned up or forgotten; one that was used stays.
func TestExpiredClientIsNotRead(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	expires := now.Add(client.Freshness / 2)
	for _, id := range []string{"unused", "used"} {
		if err := db.RegisterClient(t.Context(), storage.Client{
			ID: id, CreatedAt: now, UpdatedAt: now, ExpiresAt: expires,
		}, storage.Hash{}); err != nil {
			t.Fatal(err)
		}
	}
	d := client.NewDirectory(db, func() time.Time { return now })
	found := func(id string) bool {
		t.Helper()
		state, err := d.Read(t.Context(), storage.Wanted{ClientID: id})
		if err != nil {
			t.Fatal(err)
		}
		return state.Client != nil
	}
	if !found("unused") || !found("used") {
		t.Error("a client is gone before its time")
	}
	if err := db.Apply(t.Context(), storage.Write{Key: "key", Now: now, UsesClient: "used"}); err != nil {
		t.Fatal(err)
	}
	now = expires
	if found("unused") {
		t.Error("a client is there that has expired")
	}
	if !found("used") {
		t.Error("a client that was used is gone")
	}
}
