package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	linkWaits = `used_at IS NULL AND expires_at > ?2`

	findLink         = `SELECT ` + linkColumns + ` FROM links WHERE hash = ?1 AND ` + linkWaits
	countLinkAttempt = `UPDATE links SET attempts = attempts + 1 WHERE id = ?1 AND ` + linkWaits +
		` RETURNING ` + linkColumns

	listSessions = `SELECT ` + sessionColumns + `, max(auth_time, coalesce((
			SELECT max(created_at) FROM grants WHERE session_id = sessions.id), 0)) AS seen_at
		FROM sessions WHERE user_id = ?1 AND ended_at IS NULL AND expires_at > ?2
		ORDER BY seen_at DESC, id`

	// A grant that has ended tells when the client was used, too.
	listConnections = `SELECT ` + clientColumns + `, coalesce(t.scopes, '[]'),
			coalesce(t.created_at, t.granted_at, g.first),
			max(coalesce(t.granted_at, 0), coalesce(g.latest, 0)) AS used_at
		FROM (SELECT client_id, min(created_at) AS first, max(created_at) AS latest,
				max(revoked_at IS NULL AND expires_at > ?2) AS lives
			FROM grants WHERE user_id = ?1 GROUP BY client_id) AS g
		FULL JOIN (SELECT * FROM consents WHERE user_id = ?1) AS t ON t.client_id = g.client_id
		JOIN clients ON clients.id = coalesce(t.client_id, g.client_id)
		WHERE t.client_id IS NOT NULL OR g.lives
		ORDER BY used_at DESC, clients.id`

	listActivity = `SELECT ` + activityColumns + `, coalesce((
			SELECT metadata->>'client_name' FROM clients WHERE clients.id = client_id), client_id)
		FROM activity WHERE user_id = ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?`
)

// FindLink implements [storage.Store].
func (db *DB) FindLink(ctx context.Context, token storage.Hash, now time.Time) (storage.Link, *storage.User, error) {
	var l storage.Link
	found, err := db.find(ctx, findLink, []any{hash(token), micros(now)}, linkFields(&l))
	return db.link(ctx, "find link", l, found, err)
}

// CountLinkAttempt implements [storage.Store].
func (db *DB) CountLinkAttempt(ctx context.Context, id string, now time.Time) (storage.Link, *storage.User, error) {
	var l storage.Link
	var found bool
	err := db.write(ctx, func(t *tx) (err error) {
		found, err = t.find(countLinkAttempt, []any{id, micros(now)}, linkFields(&l))
		return err
	})
	return db.link(ctx, "count attempt at link", l, found, err)
}

// link adds the user, if the link was found and has one.
func (db *DB) link(
	ctx context.Context, doing string, l storage.Link, found bool, err error,
) (storage.Link, *storage.User, error) {
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	var u *storage.User
	if err == nil && l.UserID != "" {
		u = new(storage.User)
		*u, err = db.FindUser(ctx, l.UserID)
	}
	if err != nil {
		return storage.Link{}, nil, fmt.Errorf("%s: %w", doing, err)
	}
	return l, u, nil
}

// ListSessions implements [storage.Store].
func (db *DB) ListSessions(ctx context.Context, userID string, now time.Time) ([]storage.Session, error) {
	var all []storage.Session
	err := db.list(ctx, listSessions, []any{userID, micros(now)}, func() []any {
		all = append(all, storage.Session{})
		s := &all[len(all)-1]
		return append(sessionFields(s), (*micros)(&s.LastSeenAt))
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

// ListConnections implements [storage.Store].
func (db *DB) ListConnections(ctx context.Context, userID string, now time.Time) ([]storage.Connection, error) {
	var all []storage.Connection
	err := db.list(ctx, listConnections, []any{userID, micros(now)}, func() []any {
		all = append(all, storage.Connection{})
		c := &all[len(all)-1]
		return append(clientFields(&c.Client), (*list)(&c.Scopes), (*micros)(&c.Since), (*micros)(&c.LastUsedAt))
	})
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return all, nil
}

// ListActivity implements [storage.Store].
func (db *DB) ListActivity(ctx context.Context, userID string, before time.Time, limit int) ([]storage.Activity, error) {
	var all []storage.Activity
	err := db.list(ctx, listActivity, []any{userID, micros(before), limit}, func() []any {
		all = append(all, storage.Activity{})
		a := &all[len(all)-1]
		return append(activityFields(a), &a.ClientName)
	})
	if err != nil {
		return nil, fmt.Errorf("list activity: %w", err)
	}
	return all, nil
}
