package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// EndSessions implements [storage.Store].
func (db *DB) EndSessions(ctx context.Context, ids []string, at time.Time) ([]storage.SignedOut, error) {
	var out []storage.SignedOut
	err := db.write(ctx, func(t *tx) error {
		out = nil
		for _, id := range ids {
			ended, err := endSession(t, id, at)
			if err != nil {
				return err
			}
			if !ended {
				continue
			}
			if out, err = signedOut(t, id, at, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return out, nil
}

// signedOut revokes the grants that end with the session, and adds the clients that
// a browser has to tell.
func signedOut(t *tx, id string, at time.Time, out []storage.SignedOut) ([]storage.SignedOut, error) {
	if _, err := t.exec(`
		UPDATE grants SET revoked_at = ? WHERE session_id = ? AND revoked_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM json_each(scopes) WHERE value = 'offline_access')`,
		micros(at), id); err != nil {
		return out, err
	}
	err := t.list(`
		SELECT `+clientColumns+`, sid FROM session_clients JOIN clients ON clients.id = client_id
		WHERE session_id = ? AND metadata->>'frontchannel_logout_uri' <> '' ORDER BY clients.id`,
		[]any{id}, func() []any {
			out = append(out, storage.SignedOut{})
			o := &out[len(out)-1]
			return append(clientFields(&o.Client), &o.SID)
		})
	return out, err
}

// endSession ends the session, unless it has ended, and leaves notices for its
// clients.
func endSession(t *tx, id string, at time.Time) (ended bool, err error) {
	n, err := t.exec(`UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL`, micros(at), id)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = t.exec(`
		INSERT INTO logout_notices (id, client_id, sid, subject, created_at, next_at, expires_at)
		SELECT sid, client_id, sid, subject, ?1, ?1, ?2
		FROM session_clients JOIN clients ON clients.id = client_id
		WHERE session_id = ?3 AND metadata->>'backchannel_logout_uri' <> ''`,
		micros(at), micros(at.Add(storage.LogoutNoticeLifetime)), id)
	return true, err
}

// endSessionsOf ends all sessions of the user but the one to keep, if any.
func endSessionsOf(t *tx, userID, keep string, at time.Time) error {
	var ids []string
	err := t.list(`SELECT id FROM sessions WHERE user_id = ? AND id <> ? AND ended_at IS NULL`, []any{userID, keep},
		func() []any {
			ids = append(ids, "")
			return []any{&ids[len(ids)-1]}
		})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := endSession(t, id, at); err != nil {
			return err
		}
	}
	return nil
}

// ListSessionClients implements [storage.Store].
func (db *DB) ListSessionClients(ctx context.Context, sessions []string) ([]storage.Client, error) {
	var all []storage.Client
	err := db.list(ctx, `SELECT `+clientColumns+` FROM clients
		WHERE id IN (SELECT client_id FROM session_clients WHERE session_id IN (SELECT value FROM json_each(?)))
		ORDER BY id`, []any{list(sessions)}, func() []any {
		all = append(all, storage.Client{})
		return clientFields(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("list the clients of sessions: %w", err)
	}
	return all, nil
}

// FindSessionClient implements [storage.Store].
func (db *DB) FindSessionClient(ctx context.Context, sid string) (storage.SessionClient, storage.Session, error) {
	var c storage.SessionClient
	var s storage.Session
	const query = `SELECT ` + sessionClientColumns + `, ` + sessionColumns + `
		FROM session_clients JOIN sessions ON sessions.id = session_id WHERE sid = ?`
	ok, err := db.find(ctx, query, []any{sid}, slices.Concat(sessionClientFields(&c), sessionFields(&s)))
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.SessionClient{}, storage.Session{}, fmt.Errorf("find session client: %w", err)
	}
	return c, s, nil
}
