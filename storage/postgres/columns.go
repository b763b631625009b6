package postgres

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatelodge/gatelodge/storage"
)

// The types below are how records' fields look in PostgreSQL, in both directions.

// instant is a time in UTC, to the microsecond, NULL when zero.
type instant time.Time //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (i instant) Value() (driver.Value, error) {
	if t := time.Time(i); !t.IsZero() {
		return t.UTC().Truncate(time.Microsecond), nil
	}
	return nil, nil
}

// Scan implements [database/sql.Scanner].
func (i *instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*i = instant{}
	case time.Time:
		*i = instant(v.UTC())
	default:
		return fmt.Errorf("a time is not a %T", v)
	}
	return nil
}

// hash is a hash as bytea, NULL when zero.
type hash storage.Hash //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (h hash) Value() (driver.Value, error) {
	if h == (hash{}) {
		return nil, nil
	}
	return h[:], nil
}

// Scan implements [database/sql.Scanner].
func (h *hash) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*h = hash{}
	case []byte:
		if copy(h[:], v) != len(h) {
			return errors.New("a hash has 32 bytes")
		}
	default:
		return fmt.Errorf("a hash is not a %T", v)
	}
	return nil
}

// text is a string that is NULL when empty.
type text string //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (t text) Value() (driver.Value, error) {
	if t == "" {
		return nil, nil
	}
	return string(t), nil
}

// Scan implements [database/sql.Scanner].
func (t *text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	default:
		return fmt.Errorf("a text is not a %T", v)
	}
	return nil
}

// array returns strings for an array column that is never NULL.
func array(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// blob returns bytes for a column that is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// document is a value as JSON. pgx reads one by itself.
type document struct{ v any }

// Value implements [driver.Valuer].
func (d document) Value() (driver.Value, error) {
	b, err := json.Marshal(d.v)
	return string(b), err
}

// The codes of [errors] of PostgreSQL that are answers, or worth another try.
//
// [errors]: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	deadlockDetected    = "40P01"
)

// refusal turns a violated constraint into the answer that it is.
func refusal(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch e.Code {
	case uniqueViolation:
		return storage.ErrConflict
	case foreignKeyViolation:
		return storage.ErrNotFound
	}
	return err
}

// deadlocked: two deletions of an operator crossed, or one a request.
func deadlocked(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == deadlockDetected
}
