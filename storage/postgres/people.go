package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	findLink = `SELECT ` + linkColumns + `, ` + userColumns + `
		FROM links t LEFT JOIN users u ON u.id = t.user_id
		WHERE t.hash = $1::bytea AND t.used_at IS NULL AND t.expires_at > $2::timestamptz`

	countLinkAttempt = `WITH t AS (
			UPDATE links SET attempts = attempts + 1
			WHERE id = $1::text AND used_at IS NULL AND expires_at > $2::timestamptz RETURNING *)
		SELECT ` + linkColumns + `, ` + userColumns + ` FROM t LEFT JOIN users u ON u.id = t.user_id`

	listSessions = `SELECT ` + sessionColumns + `, greatest(t.auth_time, (
			SELECT max(g.created_at) FROM grants g WHERE g.session_id = t.id)) AS seen_at
		FROM sessions t
		WHERE t.user_id = $1::text AND t.ended_at IS NULL AND t.expires_at > $2::timestamptz
		ORDER BY seen_at DESC, t.id`

	// A grant that has ended tells when the client was used, too.
	listConnections = `SELECT ` + clientColumns + `, coalesce(t.scopes, '{}'),
			coalesce(t.created_at, t.granted_at, g.first), greatest(t.granted_at, g.latest) AS used_at
		FROM (SELECT client_id, min(created_at), max(created_at),
				bool_or(revoked_at IS NULL AND expires_at > $2::timestamptz)
			FROM grants WHERE user_id = $1::text GROUP BY client_id) AS g (client_id, first, latest, lives)
		FULL JOIN (SELECT * FROM consents WHERE user_id = $1::text) AS t ON t.client_id = g.client_id
		JOIN clients c ON c.id = coalesce(t.client_id, g.client_id)
		WHERE t.client_id IS NOT NULL OR g.lives
		ORDER BY used_at DESC, c.id`

	listActivity = `SELECT ` + activityColumns + `, coalesce((
			SELECT c.metadata->>'client_name' FROM clients c WHERE c.id = client_id), client_id)
		FROM activity WHERE user_id = $1::text AND at < $2::timestamptz ORDER BY at DESC, id DESC LIMIT $3::bigint`
)

// FindLink implements [storage.Store].
func (db *DB) FindLink(ctx context.Context, token storage.Hash, now time.Time) (storage.Link, *storage.User, error) {
	l, u, err := db.link(ctx, findLink, hash(token), instant(now))
	return l, u, doing("find link", err)
}

// CountLinkAttempt implements [storage.Store]. A lost answer makes it count twice,
// which errs on the side of the lock.
func (db *DB) CountLinkAttempt(ctx context.Context, id string, now time.Time) (storage.Link, *storage.User, error) {
	l, u, err := db.link(ctx, countLinkAttempt, id, instant(now))
	return l, u, doing("count attempt at link", err)
}

func (db *DB) link(ctx context.Context, query string, args ...any) (storage.Link, *storage.User, error) {
	var l storage.Link
	var u storage.User
	err := db.find(ctx, func() []any {
		l, u = storage.Link{}, storage.User{}
		return slices.Concat(linkFields(&l), userFields(&u))
	}, query, args...)
	if err != nil {
		return storage.Link{}, nil, err
	}
	if u.ID == "" {
		return l, nil, nil
	}
	return l, &u, nil
}

// ListSessions implements [storage.Store].
func (db *DB) ListSessions(ctx context.Context, userID string, now time.Time) ([]storage.Session, error) {
	all, err := list(ctx, db, func(s *storage.Session) []any {
		return append(sessionFields(s), (*instant)(&s.LastSeenAt))
	}, listSessions, userID, instant(now))
	return all, doing("list sessions", err)
}

// ListConnections implements [storage.Store].
func (db *DB) ListConnections(ctx context.Context, userID string, now time.Time) ([]storage.Connection, error) {
	all, err := list(ctx, db, func(c *storage.Connection) []any {
		return append(clientFields(&c.Client), &c.Scopes, (*instant)(&c.Since), (*instant)(&c.LastUsedAt))
	}, listConnections, userID, instant(now))
	return all, doing("list connections", err)
}

// ListActivity implements [storage.Store].
func (db *DB) ListActivity(ctx context.Context, userID string, before time.Time, limit int) ([]storage.Activity, error) {
	all, err := list(ctx, db, func(a *storage.Activity) []any {
		return append(activityFields(a), &a.ClientName)
	}, listActivity, userID, instant(before), limit)
	return all, doing("list activity", err)
}
