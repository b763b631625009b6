package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// Factors are read with their user in one statement: behind a pooler each one is
// planned every time.
const (
	factorColumns = `f.sealed_secret, f.last_step, f.created_at,
		(SELECT count(*) FROM recovery_codes r WHERE r.user_id = u.id AND r.used_at IS NULL),
		(SELECT json_agg(p ORDER BY p.created_at, p.id) FROM passkeys p WHERE p.user_id = u.id)`
	withFactors = ` FROM users u LEFT JOIN totps f ON f.user_id = u.id WHERE u.id = `

	findFactors = `SELECT ` + factorColumns + withFactors + `$1::text`
)

// factors are a user's as they are read.
type factors struct {
	secret        []byte
	lastStep      *int64
	createdAt     instant
	recoveryCodes int
	passkeys      []passkey
}

func (f *factors) fields() []any {
	return []any{&f.secret, &f.lastStep, &f.createdAt, &f.recoveryCodes, &f.passkeys}
}

func (f *factors) of(userID string) storage.Factors {
	found := storage.Factors{RecoveryCodes: f.recoveryCodes}
	if f.lastStep != nil {
		found.TOTP = &storage.TOTP{
			UserID: userID, SealedSecret: f.secret, LastStep: *f.lastStep, CreatedAt: time.Time(f.createdAt),
		}
	}
	for _, p := range f.passkeys {
		found.Passkeys = append(found.Passkeys, p.record())
	}
	return found
}

// passkey is a row of passkeys as PostgreSQL makes JSON of it.
type passkey struct {
	ID             hexBytes  `json:"id"`
	UserID         string    `json:"user_id"`
	Name           string    `json:"name"`
	PublicKey      hexBytes  `json:"public_key"`
	AAGUID         hexBytes  `json:"aaguid"`
	Transports     []string  `json:"transports"`
	SignCount      uint32    `json:"sign_count"`
	BackupEligible bool      `json:"backup_eligible"`
	BackedUp       bool      `json:"backed_up"`
	CreatedAt      time.Time `json:"created_at"`
	LastUsedAt     time.Time `json:"last_used_at"` // null leaves it zero
}

func (p passkey) record() storage.Passkey {
	return storage.Passkey{
		ID: p.ID, UserID: p.UserID, Name: p.Name, PublicKey: p.PublicKey, AAGUID: p.AAGUID,
		Transports: p.Transports, SignCount: p.SignCount,
		BackupEligible: p.BackupEligible, BackedUp: p.BackedUp,
		CreatedAt: p.CreatedAt.UTC(), LastUsedAt: p.LastUsedAt.UTC(),
	}
}

// hexBytes is bytea in JSON, "\x" and hexadecimal digits.
type hexBytes []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (h *hexBytes) UnmarshalJSON(b []byte) (err error) {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read bytes: %w", err)
	}
	if len(s) < 2 || s[:2] != `\x` {
		return errors.New(`bytes begin with \x`)
	}
	*h, err = hex.DecodeString(s[2:])
	return err
}

// FindFactors implements [storage.Store].
func (db *DB) FindFactors(ctx context.Context, userID string) (storage.Factors, error) {
	var f factors
	err := db.find(ctx, func() []any { f = factors{}; return f.fields() }, findFactors, userID)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Factors{}, nil
	}
	return f.of(userID), doing("find factors", err)
}
