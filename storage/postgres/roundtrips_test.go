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
	password := "$argon2id$new"
	link := storage.Link{ID: "link", Hash: storage.HashOf("link"), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	another := link
	another.ID, another.Hash, another.UserID = "another", storage.HashOf("another"), "user"
	activity := []storage.Activity{{ID: "activity", UserID: "user", At: now}}
	passkey := &storage.Passkey{ID: []byte("passkey"), CreatedAt: now}
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
		{"Apply that changes a user", func() error {
			return db.Apply(ctx, storage.Write{
				Key: "3", Now: now, Verified: &storage.Verified{UserID: "user", SessionID: "sid"},
				Change: &storage.UserChange{
					UserID: "user", PasswordHash: &password, KeepSession: "sid", Identifiers: []string{"user"},
					Claims: &storage.Claims{}, Preferences: &storage.Preferences{}, DeletesAt: &time.Time{},
					SetTOTP: &storage.TOTP{CreatedAt: now}, AddPasskey: passkey,
					RenamePasskey: &storage.PasskeyName{ID: passkey.ID}, RecoveryCodes: []storage.Hash{link.Hash},
				},
				Links: []storage.Link{link, another}, Activity: activity,
				Mails: []storage.Mail{{ID: "mail", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}},
			})
		}},
		{"Apply by a link", func() error {
			return db.Apply(ctx, storage.Write{
				Key: "4", Now: now, UseLink: &storage.LinkUse{Hash: link.Hash},
				CreateUser: &storage.User{ID: "new", Identifiers: []string{"new"}, CreatedAt: now, UpdatedAt: now},
			})
		}},
		{"Apply by a passkey", func() error {
			return db.Apply(ctx, storage.Write{Key: "5", Now: now, UsePasskey: &storage.PasskeyUse{ID: passkey.ID}})
		}},
		{"Apply by a step", func() error {
			return db.Apply(ctx, storage.Write{Key: "6", Now: now, UseTOTP: &storage.TOTPUse{UserID: "user", Step: 1}})
		}},
		{"Apply by a recovery code", func() error {
			return db.Apply(ctx, storage.Write{
				Key: "7", Now: now, UseRecoveryCode: &storage.RecoveryCodeUse{UserID: "user", Hash: link.Hash},
			})
		}},
		{"CountAttempt at a passkey", func() error {
			_, err := db.CountAttempt(ctx, storage.Attempt{Passkey: passkey.ID, Window: time.Minute, Now: now})
			return err
		}},
		{"FindFactors", func() error { _, err := db.FindFactors(ctx, "user"); return err }},
		{"FindLink", func() error {
			_, _, err := db.FindLink(ctx, another.Hash, now)
			return err
		}},
		{"CountLinkAttempt", func() error { _, _, err := db.CountLinkAttempt(ctx, another.ID, now); return err }},
		{"ListSessions", func() error { _, err := db.ListSessions(ctx, "user", now); return err }},
		{"ListConnections", func() error { _, err := db.ListConnections(ctx, "user", now); return err }},
		{"ListActivity", func() error { _, err := db.ListActivity(ctx, "user", now, 10); return err }},
		{"TakeMails", func() error { _, _, err := db.TakeMails(ctx, now, now.Add(time.Minute), 10); return err }},
		{"RevokeGrant", func() error { return db.RevokeGrant(ctx, "grant", now) }},
		{"EndSessions", func() error { _, err := db.EndSessions(ctx, []string{"sid"}, now); return err }},
		{"TakeLogoutNotices", func() error {
			_, _, err := db.TakeLogoutNotices(ctx, now, now.Add(time.Minute), 10)
			return err
		}},
		{"ListSessionClients", func() error { _, err := db.ListSessionClients(ctx, []string{"session"}); return err }},
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
