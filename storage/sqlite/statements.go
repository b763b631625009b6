package sqlite

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

// statement is one statement with its arguments.
type statement struct {
	query string
	args  []any
}

// run writes the statements as one.
func (db *DB) run(ctx context.Context, what string, statements ...statement) error {
	err := db.write(ctx, func(t *tx) error {
		for _, s := range statements {
			if _, err := t.exec(s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// delete deletes the record with the id, and fails if there is none.
func (db *DB) delete(ctx context.Context, what, query, id string) error {
	err := db.write(ctx, func(t *tx) error {
		return guard(t, storage.ErrNotFound, query, id)
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", what, id, err)
	}
	return nil
}

// guard runs a statement that must write a row, else it is refused.
func guard(t *tx, refused error, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return refused
	}
	return nil
}
