package storagetest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// FirstRecords returns statements that put a client, two people, a session and a
// grant into the schema of the first release, with a time, an empty list and a hash
// as the engine writes them.
func FirstRecords(at, list, hash string) string {
	return strings.NewReplacer("AT", at, "LIST", list, "HASH", hash).Replace(`
		INSERT INTO clients (id, metadata, created_at, updated_at) VALUES ('client', '{}', AT, AT);
		INSERT INTO users (id, identifiers, password_hash, claims, created_at, updated_at)
			VALUES ('user', LIST, '', '{}', AT, AT), ('other', LIST, '', '{}', AT, AT);
		INSERT INTO sessions (id, hash, user_id, auth_time, amr, created_at, expires_at)
			VALUES ('session', HASH, 'user', AT, LIST, AT, AT);
		INSERT INTO grants (id, client_id, user_id, session_id, scopes, audience, auth_time, amr, created_at, expires_at)
			VALUES ('grant', 'client', 'user', 'session', LIST, LIST, AT, LIST, AT, AT)`)
}

// SecondRecords returns statements that add to them what the schema of the second
// release has, and allows: a binary of that release may still write it when the
// schema is ahead of it.
func SecondRecords(at, list string) string {
	return strings.NewReplacer("AT", at, "LIST", list).Replace(`
		INSERT INTO consents (user_id, client_id, scopes, granted_at) VALUES ('user', 'client', LIST, AT);
		INSERT INTO session_clients (session_id, client_id, sid, subject, created_at)
			VALUES ('session', 'client', 'sid', 'subject', AT);
		INSERT INTO logout_notices (id, client_id, sid, subject, created_at, expires_at, next_at)
			VALUES ('notice', 'client', 'sid', 'subject', AT, AT, AT)`)
}

// CheckFirstRecords proves that they are read, after the migration, as they were
// meant.
func CheckFirstRecords(t *testing.T, store storage.Store) {
	t.Helper()
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	ctx := t.Context()
	user, err := store.FindUser(ctx, "user")
	ok(t, err)
	other, err := store.FindUser(ctx, "other")
	ok(t, err)
	equal(t, []int{len(user.PairwiseSalt), len(other.PairwiseSalt)}, []int{16, 16})
	if bytes.Equal(user.PairwiseSalt, other.PairwiseSalt) {
		t.Error("two people have one salt")
	}
	state, err := store.Read(ctx, storage.Wanted{ClientID: "client", GrantID: "grant"})
	ok(t, err)
	equal(t, state, storage.State{
		Client: &storage.Client{ID: "client", CreatedAt: at, UpdatedAt: at},
		User:   &user,
		Grant: &storage.Grant{
			ID: "grant", ClientID: "client", UserID: "user", SessionID: "session",
			AuthTime: at, CreatedAt: at, ExpiresAt: at,
		},
	})
	_, session, err := store.FindSessionClient(ctx, "sid")
	ok(t, err)
	equal(t, []any{session.Remembered, session.UserAgent, session.Network}, []any{true, "", ""})
	connections, err := store.ListConnections(ctx, "user", at)
	ok(t, err)
	equal(t, connections, []storage.Connection{{Client: *state.Client, Since: at, LastUsedAt: at}})
	ok(t, store.Apply(ctx, storage.Write{Key: "key", Now: at, Consent: &storage.Consent{
		UserID: "user", ClientID: "client", Scopes: []string{"email"}, GrantedAt: at.Add(time.Hour),
	}}))
	connections, err = store.ListConnections(ctx, "user", at)
	ok(t, err)
	equal(t, connections, []storage.Connection{
		{Client: *state.Client, Scopes: []string{"email"}, Since: at, LastUsedAt: at.Add(time.Hour)},
	})
	_, err = store.EndSessions(ctx, []string{"session"}, at)
	ok(t, err)
	state, err = store.Read(ctx, storage.Wanted{GrantID: "grant"})
	ok(t, err)
	equal(t, state.Grant.RevokedAt, at)
}
