package postgres_test

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// Latency is round trips: whatever a request needs costs one.
func TestEachVerbIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	var trips storagetest.RoundTrips
	db := open(t, postgres.Config{URL: pgtest.NewDatabase(t), Tracer: &trips})
	ctx, now := t.Context(), time.Now()

	user := storage.User{ID: "user", Identifiers: []string{"user"}, CreatedAt: now, UpdatedAt: now}
	grant := &storage.Grant{
		ID: "grant", ClientID: "client", UserID: "user", CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	code := &storage.Code{
		Hash: storage.HashOf("code"), GrantID: "grant", CreatedAt: now, ExpiresAt: now.Add(time.Minute),
	}
	session := &storage.Session{
		ID: "sid", Hash: storage.HashOf("session"), UserID: "user",
		AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	verbs := []struct {
		name string
		run  func() error
	}{
		{"SaveClient", func() error { return db.SaveClient(ctx, storage.Client{ID: "client", CreatedAt: now, UpdatedAt: now}) }},
		{"SaveUser", func() error { return db.SaveUser(ctx, user) }},
		{"CountAttempt", func() error {
			_, err := db.CountAttempt(ctx, storage.Attempt{
				Identifier: "user", Network: "net", Window: time.Minute, Now: now, ConsentFor: "client",
			})
			return err
		}},
		{"Apply that creates", func() error {
			return db.Apply(ctx, storage.Write{
				Key: "1", Now: now, Grant: grant, Code: code, Session: session,
				SessionClient: &storage.SessionClient{
					SessionID: "sid", ClientID: "client", SID: "sid of client", CreatedAt: now,
				},
				UsesClient: "client",
				Consent:    &storage.Consent{UserID: "user", ClientID: "client", GrantedAt: now},
				Succeeded:  &storage.Success{AccountKey: "a", NetworkKey: "b"},
			})
		}},
		{"Read", func() error {
			_, err := db.Read(ctx, storage.Wanted{
				Now: now, ClientID: "client", Code: code.Hash, JTI: "jti",
				Sessions: []storage.Hash{session.Hash}, ConsentFor: "client", Catalogue: true,
			})
			return err
		}},
		{"Apply with guards", func() error {
			return db.Apply(ctx, storage.Write{
				Key: "2", Now: now,
				Assertion: &storage.Assertion{ClientID: "client", JTI: storage.HashOf("jti"), ExpiresAt: now},
				Redeem:    &storage.Redeem{Code: code.Hash, ClientID: "client"},
				Refresh: &storage.RefreshToken{
					Hash: storage.HashOf("refresh"), GrantID: "grant", Salt: []byte{1},
					CreatedAt: now, ExpiresAt: now.Add(time.Hour),
				},
			})
		}},
		{"RevokeGrant", func() error { return db.RevokeGrant(ctx, "grant", now) }},
		{"EndSessions", func() error { _, err := db.EndSessions(ctx, []string{"sid"}, now); return err }},
		{"TakeLogoutNotices", func() error {
			_, _, err := db.TakeLogoutNotices(ctx, now, now.Add(time.Minute), 10)
			return err
		}},
		{"FindSessionClient", func() error { _, _, err := db.FindSessionClient(ctx, "sid of client"); return err }},
		{"AddInitialAccessToken", func() error {
			return db.AddInitialAccessToken(ctx, storage.InitialAccessToken{
				ID: "initial", Hash: storage.HashOf("initial"), Remaining: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
			})
		}},
		{"RegisterClient", func() error {
			return db.RegisterClient(ctx, storage.Client{ID: "new", CreatedAt: now, UpdatedAt: now}, storage.HashOf("initial"))
		}},
		{"Count", func() error { _, err := db.Count(ctx, "key", time.Minute, now); return err }},
		{"DeleteUser", func() error { return db.DeleteUser(ctx, "user", now) }},
	}
	for _, verb := range verbs {
		trips.Reset()
		if err := verb.run(); err != nil {
			t.Errorf("%s: %v", verb.name, err)
		}
		if got := trips.Count(); got != 1 {
			t.Errorf("%s: got %d round trips, want 1", verb.name, got)
		}
	}
}
