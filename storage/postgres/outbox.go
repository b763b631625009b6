package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// TakeLogoutNotices implements [storage.Store].
func (db *DB) TakeLogoutNotices(
	ctx context.Context, now, leaseUntil time.Time, limit int,
) ([]storage.LogoutNotice, time.Time, error) {
	taken, next, err := take(ctx, db, noticeFields, takeNotices, now, leaseUntil, limit)
	return taken, next, doing("take logout notices", err)
}

// DeleteLogoutNotice implements [storage.Store].
func (db *DB) DeleteLogoutNotice(ctx context.Context, id string) error {
	return doing("delete logout notice", db.exec(ctx, nil,
		`DELETE FROM logout_notices WHERE id = $1::text`, id))
}

// PostponeLogoutNotice implements [storage.Store].
func (db *DB) PostponeLogoutNotice(ctx context.Context, id string, until time.Time) error {
	return doing("postpone logout notice", db.exec(ctx, nil, `
		UPDATE logout_notices SET next_at = $2::timestamptz, attempts = attempts + 1
		WHERE id = $1::text`, id, instant(until)))
}

// TakeMails implements [storage.Store].
func (db *DB) TakeMails(
	ctx context.Context, now, leaseUntil time.Time, limit int,
) ([]storage.Mail, time.Time, error) {
	taken, next, err := take(ctx, db, mailFields, takeMails, now, leaseUntil, limit)
	return taken, next, doing("take mails", err)
}

// DeleteMail implements [storage.Store].
func (db *DB) DeleteMail(ctx context.Context, id string) error {
	return doing("delete mail", db.exec(ctx, nil, `DELETE FROM mails WHERE id = $1::text`, id))
}

// PostponeMail implements [storage.Store].
func (db *DB) PostponeMail(ctx context.Context, id string, until time.Time) error {
	return doing("postpone mail", db.exec(ctx, nil, `
		UPDATE mails SET next_at = $2::timestamptz, attempts = attempts + 1
		WHERE id = $1::text`, id, instant(until)))
}

const (
	takeNotices = takeFrom + `logout_notices` + takeDue + `logout_notices` + takeOldest +
		noticeColumns + takeNext + `logout_notices` + takeRest
	takeMails = takeFrom + `mails` + takeDue + `mails` + takeOldest +
		mailColumns + takeNext + `mails` + takeRest

	// What another node is taking is passed over.
	takeFrom = `WITH n AS (UPDATE `
	takeDue  = ` SET next_at = $2::timestamptz WHERE id = ANY (ARRAY(SELECT id FROM `
	// There is one row at least, which tells of the next.
	takeOldest = ` WHERE next_at <= $1::timestamptz AND expires_at > $1::timestamptz
			ORDER BY next_at, id LIMIT $3::bigint FOR UPDATE SKIP LOCKED))
		RETURNING *)
		SELECT n.id IS NOT NULL, next.at, `
	takeNext = ` FROM (SELECT (SELECT o.next_at FROM `
	takeRest = ` o WHERE o.expires_at > $1::timestamptz AND NOT EXISTS (SELECT FROM n WHERE n.id = o.id)
			ORDER BY o.next_at LIMIT 1)) AS next (at)
		LEFT JOIN n ON true ORDER BY n.created_at, n.id`
)

// take hands out what is due of an outbox.
func take[T any](
	ctx context.Context, db *DB, fields func(*T) []any, query string, now, leaseUntil time.Time, limit int,
) (taken []T, next time.Time, err error) {
	err = db.send(ctx, func(b *pgx.Batch) {
		taken, next = nil, time.Time{}
		b.Queue(query, instant(now), instant(leaseUntil), limit).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var record T
				var found bool
				if err := rows.Scan(append([]any{&found, (*instant)(&next)}, fields(&record)...)...); err != nil {
					return err
				}
				if found {
					taken = append(taken, record)
				}
			}
			return rows.Err()
		})
	})
	return taken, next, err
}
