package sqlite

import (
	"github.com/gatelodge/gatelodge/storage"
)

// createUser creates the user, unless this write has done so before.
func createUser(t *tx, w storage.Write) error {
	u := w.CreateUser
	if u == nil {
		return nil
	}
	n, err := t.exec(`
		INSERT INTO users (id, identifiers, password_hash, claims, preferences, disabled_at, deletes_at,
			created_at, updated_at, pairwise_salt)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, randomblob(16)) ON CONFLICT (id) DO NOTHING`,
		u.ID, list(u.Identifiers), u.PasswordHash, document{u.Claims}, document{u.Preferences},
		micros(u.DisabledAt), micros(u.DeletesAt), micros(u.CreatedAt), micros(u.UpdatedAt))
	if err != nil || n == 0 {
		return err
	}
	return replaceIdentifiers(t, u.ID, u.Identifiers)
}

// changed tells whether this very write has changed the user before.
func changed(t *tx, w storage.Write) (again bool, err error) {
	if w.Change == nil {
		return false, nil
	}
	found, err := t.find(`SELECT changed_by IS ? FROM users WHERE id = ?`,
		[]any{w.Key, w.Change.UserID}, []any{&again})
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	return again, err
}

func change(t *tx, w storage.Write) error {
	if w.Change == nil {
		return nil
	}
	if _, err := t.exec(`UPDATE users SET changed_by = ? WHERE id = ?`, w.Key, w.Change.UserID); err != nil {
		return err
	}
	steps := []func(*tx, storage.Write) error{
		changeProfile, changePassword, changeIdentifiers, changeDeletion, endSome, disconnect, changeTOTP, changePasskeys,
		changeRecoveryCodes,
	}
	for _, step := range steps {
		if err := step(t, w); err != nil {
			return err
		}
	}
	return nil
}

func changeProfile(t *tx, w storage.Write) error {
	c := w.Change
	if c.Claims != nil {
		if _, err := t.exec(`UPDATE users SET claims = ?, updated_at = ? WHERE id = ?`,
			document{c.Claims}, micros(w.Now), c.UserID); err != nil {
			return err
		}
	}
	if c.Preferences == nil {
		return nil
	}
	_, err := t.exec(`UPDATE users SET preferences = ? WHERE id = ?`, document{c.Preferences}, c.UserID)
	return err
}

func changePassword(t *tx, w storage.Write) error {
	c := w.Change
	if c.PasswordHash == nil {
		return nil
	}
	if _, err := t.exec(`UPDATE users SET password_hash = ?, updated_at = ? WHERE id = ?`,
		*c.PasswordHash, micros(w.Now), c.UserID); err != nil {
		return err
	}
	if err := signOut(t, c.UserID, c.KeepSession, w.Now); err != nil {
		return err
	}
	return deleteLinks(t, c.UserID, usedLink(w))
}

func changeIdentifiers(t *tx, w storage.Write) error {
	c := w.Change
	if c.Identifiers == nil {
		return nil
	}
	if _, err := t.exec(`UPDATE users SET identifiers = ?, updated_at = ? WHERE id = ?`,
		list(c.Identifiers), micros(w.Now), c.UserID); err != nil {
		return err
	}
	if err := replaceIdentifiers(t, c.UserID, c.Identifiers); err != nil {
		return err
	}
	return deleteLinks(t, c.UserID, usedLink(w))
}

// usedLink is the link that the write uses, zero if none.
func usedLink(w storage.Write) storage.Hash {
	if w.UseLink == nil {
		return storage.Hash{}
	}
	return w.UseLink.Hash
}

func changeDeletion(t *tx, w storage.Write) error {
	c := w.Change
	if c.DeletesAt == nil {
		return nil
	}
	if _, err := t.exec(`UPDATE users SET deletes_at = ? WHERE id = ?`, micros(*c.DeletesAt), c.UserID); err != nil {
		return err
	}
	if c.DeletesAt.IsZero() {
		return nil
	}
	return signOut(t, c.UserID, "", w.Now)
}

// endSome ends those of the user's sessions that the change names.
func endSome(t *tx, w storage.Write) error {
	for _, id := range w.Change.EndSessions {
		var one int
		owned, err := t.find(`SELECT 1 FROM sessions WHERE id = ? AND user_id = ?`, []any{id, w.Change.UserID}, []any{&one})
		if err != nil {
			return err
		}
		if !owned {
			continue
		}
		ended, err := endSession(t, id, w.Now)
		if err == nil && ended {
			_, err = signedOut(t, id, w.Now, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func disconnect(t *tx, w storage.Write) error {
	c := w.Change
	if c.Disconnect == "" {
		return nil
	}
	if _, err := t.exec(`DELETE FROM consents WHERE user_id = ? AND client_id = ?`, c.UserID, c.Disconnect); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE grants SET revoked_at = ? WHERE user_id = ? AND client_id = ? AND revoked_at IS NULL`,
		micros(w.Now), c.UserID, c.Disconnect)
	return err
}

func changeTOTP(t *tx, w storage.Write) error {
	c := w.Change
	if c.RemoveTOTP || c.SetTOTP != nil {
		if _, err := t.exec(`DELETE FROM totps WHERE user_id = ?`, c.UserID); err != nil {
			return err
		}
	}
	if c.SetTOTP == nil {
		return nil
	}
	_, err := t.exec(`INSERT INTO totps (`+totpColumns+`) VALUES (?, ?, ?, ?)`,
		c.UserID, blob(c.SetTOTP.SealedSecret), c.SetTOTP.LastStep, micros(c.SetTOTP.CreatedAt))
	return err
}

func changePasskeys(t *tx, w storage.Write) error {
	c := w.Change
	if p := c.AddPasskey; p != nil {
		if _, err := t.exec(`
			INSERT INTO passkeys (`+passkeyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			blob(p.ID), c.UserID, p.Name, blob(p.PublicKey), blob(p.AAGUID), list(p.Transports), p.SignCount,
			p.BackupEligible, p.BackedUp, micros(p.CreatedAt), micros(p.LastUsedAt)); err != nil {
			return err
		}
	}
	if p := c.RenamePasskey; p != nil {
		if _, err := t.exec(`UPDATE passkeys SET name = ? WHERE id = ? AND user_id = ?`,
			p.Name, blob(p.ID), c.UserID); err != nil {
			return err
		}
	}
	if c.RemovePasskey == nil {
		return nil
	}
	_, err := t.exec(`DELETE FROM passkeys WHERE id = ? AND user_id = ?`, c.RemovePasskey, c.UserID)
	return err
}

func changeRecoveryCodes(t *tx, w storage.Write) error {
	c := w.Change
	if c.RecoveryCodes == nil {
		return nil
	}
	if _, err := t.exec(`DELETE FROM recovery_codes WHERE user_id = ?`, c.UserID); err != nil {
		return err
	}
	for _, code := range c.RecoveryCodes {
		if _, err := t.exec(`INSERT INTO recovery_codes (user_id, hash) VALUES (?, ?)`,
			c.UserID, hash(code)); err != nil {
			return err
		}
	}
	return nil
}
