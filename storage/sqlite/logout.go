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

// endSessionsOf ends all sessions of the user.
func endSessionsOf(t *tx, userID string, at time.Time) error {
	var ids []string
	err := t.list(`SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL`, []any{userID},
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

// TakeLogoutNotices implements [storage.Store].
func (db *DB) TakeLogoutNotices(
	ctx context.Context, now, leaseUntil time.Time, limit int,
) (taken []storage.LogoutNotice, next time.Time, err error) {
	err = db.write(ctx, func(t *tx) (err error) {
		taken, next, err = takeNotices(t, now, leaseUntil, limit)
		return err
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("take logout notices: %w", err)
	}
	return taken, next, nil
}

// takeNotices looks at one notice more than it takes: that is the next.
func takeNotices(
	t *tx, now, leaseUntil time.Time, limit int,
) (taken []storage.LogoutNotice, next time.Time, err error) {
	var due []time.Time
	err = t.list(`SELECT `+noticeColumns+`, next_at FROM logout_notices
		WHERE expires_at > ? ORDER BY next_at, id LIMIT ?`,
		[]any{micros(now), limit + 1}, func() []any {
			taken, due = append(taken, storage.LogoutNotice{}), append(due, time.Time{})
			return append(noticeFields(&taken[len(taken)-1]), (*micros)(&due[len(due)-1]))
		})
	if err != nil {
		return nil, next, err
	}
	n := 0
	for n < len(due) && n < limit && !due[n].After(now) {
		if _, err := t.exec(`UPDATE logout_notices SET next_at = ? WHERE id = ?`,
			micros(leaseUntil), taken[n].ID); err != nil {
			return nil, next, err
		}
		n++
	}
	if n < len(due) {
		next = due[n]
	}
	return taken[:n], next, nil
}

// DeleteLogoutNotice implements [storage.Store].
func (db *DB) DeleteLogoutNotice(ctx context.Context, id string) error {
	return db.run(ctx, "delete logout notice", statement{
		`DELETE FROM logout_notices WHERE id = ?`, []any{id},
	})
}

// PostponeLogoutNotice implements [storage.Store].
func (db *DB) PostponeLogoutNotice(ctx context.Context, id string, until time.Time) error {
	return db.run(ctx, "postpone logout notice", statement{
		`UPDATE logout_notices SET next_at = ?, attempts = attempts + 1 WHERE id = ?`,
		[]any{micros(until), id},
	})
}
