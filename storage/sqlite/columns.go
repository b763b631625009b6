package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gatelodge/gatelodge/storage"
)

// The types below are how records' fields look in SQLite, in both directions.

// micros is a time as microseconds since 1970, NULL when zero.
type micros time.Time //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (m micros) Value() (driver.Value, error) {
	if t := time.Time(m); !t.IsZero() {
		return t.UnixMicro(), nil
	}
	return nil, nil
}

// Scan implements [sql.Scanner].
func (m *micros) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m = micros{}
	case int64:
		*m = micros(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("a time is not a %T", v)
	}
	return nil
}

// hash is a hash as a blob, NULL when zero.
type hash storage.Hash //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (h hash) Value() (driver.Value, error) {
	if h == (hash{}) {
		return nil, nil
	}
	return h[:], nil
}

// Scan implements [sql.Scanner].
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

// Scan implements [sql.Scanner].
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

// list is strings as a JSON array.
type list []string //nolint:recvcheck // a Valuer is a value, a Scanner a pointer

// Value implements [driver.Valuer].
func (l list) Value() (driver.Value, error) {
	if l == nil {
		return "[]", nil
	}
	return document{[]string(l)}.Value()
}

// Scan implements [sql.Scanner].
func (l *list) Scan(v any) error {
	if v == "[]" {
		*l = nil
		return nil
	}
	return document{(*[]string)(l)}.Scan(v)
}

// blob returns bytes for a column that is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// document is a value as JSON.
type document struct{ v any }

// Value implements [driver.Valuer].
func (d document) Value() (driver.Value, error) {
	b, err := json.Marshal(d.v)
	return string(b), err
}

// Scan implements [sql.Scanner].
func (d document) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("a document is not a %T", v)
	}
	return json.Unmarshal([]byte(s), d.v)
}

// scanOne scans the row, and tells whether there is one.
func scanOne(row *sql.Row, dest []any) (bool, error) {
	err := row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// scanAll scans the rows, and calls row for the fields of each.
func scanAll(rows *sql.Rows, row func() []any) error {
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(row()...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// refusal turns a violated constraint into the answer that it is.
func refusal(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return storage.ErrConflict
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return storage.ErrNotFound
	}
	return err
}
