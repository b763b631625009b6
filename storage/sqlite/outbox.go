package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// TakeLogoutNotices implements [storage.Store].
func (db *DB) TakeLogoutNotices(
	ctx context.Context, now, leaseUntil time.Time, limit int,
) ([]storage.LogoutNotice, time.Time, error) {
	taken, next, err := take(ctx, db, noticeFields, noticeColumns, "logout_notices", now, leaseUntil, limit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("take logout notices: %w", err)
	}
	return taken, next, nil
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

// TakeMails implements [storage.Store].
func (db *DB) TakeMails(
	ctx context.Context, now, leaseUntil time.Time, limit int,
) ([]storage.Mail, time.Time, error) {
	taken, next, err := take(ctx, db, mailFields, mailColumns, "mails", now, leaseUntil, limit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("take mails: %w", err)
	}
	return taken, next, nil
}

// DeleteMail implements [storage.Store].
func (db *DB) DeleteMail(ctx context.Context, id string) error {
	return db.run(ctx, "delete mail", statement{`DELETE FROM mails WHERE id = ?`, []any{id}})
}

// PostponeMail implements [storage.Store].
func (db *DB) PostponeMail(ctx context.Context, id string, until time.Time) error {
	return db.run(ctx, "postpone mail", statement{
		`UPDATE mails SET next_at = ?, attempts = attempts + 1 WHERE id = ?`,
		[]any{micros(until), id},
	})
}

// take hands out what is due of an outbox. It looks at one row more than it takes:
// that is the next.
func take[T any](
	ctx context.Context, db *DB, fields func(*T) []any, columns, table string, now, leaseUntil time.Time, limit int,
) (taken []T, next time.Time, err error) {
	err = db.write(ctx, func(t *tx) error {
		var found []T
		var ids []string
		var due []time.Time
		err := t.list(`SELECT `+columns+`, id, next_at FROM `+table+`
			WHERE expires_at > ? ORDER BY next_at, id LIMIT ?`,
			[]any{micros(now), limit + 1}, func() []any {
				found, ids, due = append(found, *new(T)), append(ids, ""), append(due, time.Time{})
				last := len(found) - 1
				return append(fields(&found[last]), &ids[last], (*micros)(&due[last]))
			})
		if err != nil {
			return err
		}
		n := 0
		for n < len(due) && n < limit && !due[n].After(now) {
			if _, err := t.exec(`UPDATE `+table+` SET next_at = ? WHERE id = ?`, micros(leaseUntil), ids[n]); err != nil {
				return err
			}
			n++
		}
		if n < len(due) {
			next = due[n]
		}
		taken = found[:n]
		return nil
	})
	return taken, next, err
}
