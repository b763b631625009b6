package sqlite

import (
	"context"
	"fmt"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	findUserByPasskey = `SELECT ` + userColumns + ` FROM users
		WHERE id = (SELECT user_id FROM passkeys WHERE passkeys.id = ?)`
	findTOTP           = `SELECT ` + totpColumns + ` FROM totps WHERE user_id = ?`
	listPasskeys       = `SELECT ` + passkeyColumns + ` FROM passkeys WHERE user_id = ? ORDER BY created_at, id`
	countRecoveryCodes = `SELECT count(*) FROM recovery_codes WHERE user_id = ? AND used_at IS NULL`
)

// FindFactors implements [storage.Store].
func (db *DB) FindFactors(ctx context.Context, userID string) (storage.Factors, error) {
	f, err := db.factors(ctx, userID)
	if err != nil {
		return storage.Factors{}, fmt.Errorf("find factors: %w", err)
	}
	return f, nil
}

func (db *DB) factors(ctx context.Context, userID string) (f storage.Factors, err error) {
	var totp storage.TOTP
	found, err := db.find(ctx, findTOTP, []any{userID}, totpFields(&totp))
	if err != nil {
		return f, err
	}
	if found {
		f.TOTP = &totp
	}
	if _, err := db.find(ctx, countRecoveryCodes, []any{userID}, []any{&f.RecoveryCodes}); err != nil {
		return f, err
	}
	err = db.list(ctx, listPasskeys, []any{userID}, func() []any {
		f.Passkeys = append(f.Passkeys, storage.Passkey{})
		return passkeyFields(&f.Passkeys[len(f.Passkeys)-1])
	})
	return f, err
}
