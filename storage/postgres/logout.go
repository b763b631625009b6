package postgres

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// EndSessions implements [storage.Store]: one batch, which is one transaction.
func (db *DB) EndSessions(ctx context.Context, ids []string, at time.Time) ([]storage.SignedOut, error) {
	args := endingArgs(at)
	args["ended_sessions"] = array(ids)
	var out []storage.SignedOut
	err := db.send(ctx, func(b *pgx.Batch) {
		endSessions(b, `s.id = ANY (@ended_sessions::text[])`, "", args)
		b.Queue(endGrantsOfSessions, args)
		many(b.Queue(`
			SELECT `+clientColumns+`, sc.sid FROM sessions s
			JOIN session_clients sc ON sc.session_id = s.id JOIN clients c ON c.id = sc.client_id
			WHERE s.id = ANY (@ended_sessions::text[]) AND s.ended_by = @ended_by::text
				AND c.metadata->>'frontchannel_logout_uri' <> '' ORDER BY c.id, sc.sid`, args), &out,
			func(o *storage.SignedOut) []any { return append(clientFields(&o.Client), &o.SID) })
	})
	return out, doing("end sessions", err)
}

// endingArgs are the arguments of endSessions. The key is the same when the batch
// is sent again.
func endingArgs(at time.Time) pgx.NamedArgs {
	return pgx.NamedArgs{
		"at": instant(at), "ended_by": rand.Text(),
		"notice_expires": instant(at.Add(storage.LogoutNoticeLifetime)),
	}
}

// endSessions queues the end of those of some sessions that live and meet a
// condition, and notices for their clients. They are locked first, in one order,
// which waits for the requests that put a client or a grant into one: the
// statements after it see what those wrote.
func endSessions(b *pgx.Batch, sessions, condition string, args pgx.NamedArgs) {
	b.Queue(`SELECT FROM sessions s WHERE `+sessions+` AND s.ended_at IS NULL
		ORDER BY s.id FOR NO KEY UPDATE`, args)
	b.Queue(`UPDATE sessions s SET ended_at = @at::timestamptz, ended_by = @ended_by::text
		WHERE `+sessions+` AND s.ended_at IS NULL`+condition, args)
	b.Queue(`
		INSERT INTO logout_notices (id, client_id, sid, subject, created_at, next_at, expires_at)
		SELECT sc.sid, sc.client_id, sc.sid, sc.subject,
			@at::timestamptz, @at::timestamptz, @notice_expires::timestamptz
		FROM sessions s
		JOIN session_clients sc ON sc.session_id = s.id JOIN clients c ON c.id = sc.client_id
		WHERE `+sessions+` AND s.ended_by = @ended_by::text
			AND c.metadata->>'backchannel_logout_uri' <> ''
		ON CONFLICT (id) DO NOTHING`, args)
}

// ListSessionClients implements [storage.Store].
func (db *DB) ListSessionClients(ctx context.Context, sessions []string) ([]storage.Client, error) {
	all, err := list(ctx, db, clientFields, `SELECT `+clientColumns+` FROM clients c
		WHERE c.id IN (SELECT client_id FROM session_clients WHERE session_id = ANY ($1::text[]))
		ORDER BY c.id`, sessions)
	return all, doing("list the clients of sessions", err)
}

// FindSessionClient implements [storage.Store].
func (db *DB) FindSessionClient(ctx context.Context, sid string) (storage.SessionClient, storage.Session, error) {
	var c storage.SessionClient
	var s storage.Session
	err := db.find(ctx, func() []any {
		c, s = storage.SessionClient{}, storage.Session{}
		return slices.Concat(sessionClientFields(&c), sessionFields(&s))
	}, `SELECT `+sessionClientColumns+`, `+sessionColumns+`
		FROM session_clients sc JOIN sessions t ON t.id = sc.session_id WHERE sc.sid = $1::text`, sid)
	return c, s, doing("find session client", err)
}
