package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatelodge/gatelodge/storage"
)

// Apply implements [storage.Store]. All of it runs in one savepoint: a guard
// that refuses undoes what the guards before it wrote.
func (db *DB) Apply(ctx context.Context, w storage.Write) error {
	err := db.write(ctx, func(t *tx) error { return apply(t, w) })
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

func apply(t *tx, w storage.Write) error {
	if again, err := changed(t, w); again || err != nil {
		return err
	}
	steps := []func(*tx, storage.Write) error{
		useAssertion, redeem, rotate, stillVerified, useLink, useTOTP, useRecoveryCode, usePasskey,
		createUser, change, createSession, addSessionClient,
		createGrant, createCode, createRefresh, createAccess,
		addConsent, keepClient, addLinks, addMails, addActivity, takeBackAttempt,
	}
	for _, step := range steps {
		if err := step(t, w); err != nil {
			return err
		}
	}
	return nil
}

func useAssertion(t *tx, w storage.Write) error {
	a := w.Assertion
	if a == nil {
		return nil
	}
	return guard(t, storage.ErrReplayed, `
		INSERT INTO assertions (client_id, jti, expires_at, used_by) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO UPDATE SET used_by = excluded.used_by WHERE used_by = excluded.used_by`,
		a.ClientID, hash(a.JTI), micros(a.ExpiresAt), w.Key)
}

const grantLives = `EXISTS (SELECT 1 FROM grants WHERE id = grant_id
	AND client_id = ?4 AND revoked_at IS NULL AND grants.expires_at > ?2)`

func redeem(t *tx, w storage.Write) error {
	if w.Redeem == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE codes SET used_at = ?2, used_by = ?3
		WHERE hash = ?1 AND expires_at > ?2 AND (used_at IS NULL OR used_by = ?3) AND `+grantLives,
		hash(w.Redeem.Code), micros(w.Now), w.Key, w.Redeem.ClientID)
}

// rotate leaves the time and the successor of the first rotation as they are.
func rotate(t *tx, w storage.Write) error {
	r := w.Rotate
	if r == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE refresh_tokens AS t
		SET used_at = coalesce(used_at, ?2), used_by = ?3, successor = coalesce(successor, ?5)
		WHERE hash = ?1 AND expires_at > ?2 AND `+grantLives+`
			AND (used_at IS NULL OR used_by = ?3 OR used_at > ?6 AND successor = ?5 AND NOT EXISTS (
				SELECT 1 FROM refresh_tokens s WHERE s.hash = t.successor AND s.used_at IS NOT NULL))`,
		hash(r.Refresh), micros(w.Now), w.Key, r.ClientID, hash(w.Refresh.Hash), micros(r.GraceFrom(w.Now)))
}

func stillVerified(t *tx, w storage.Write) error {
	v := w.Verified
	if v == nil {
		return nil
	}
	var one int
	found, err := t.find(`
		SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL AND (
			?3 = '' OR EXISTS (SELECT 1 FROM sessions WHERE id = ?3 AND ended_at IS NULL
				AND hash = coalesce(?6, hash)))
			AND updated_at = coalesce(?4, updated_at)
			AND (?5 = 0 OR ?5 = (SELECT count(*) FROM passkeys WHERE user_id = ?1))`,
		[]any{v.UserID, v.PasswordHash, v.SessionID, micros(v.UpdatedAt), v.Passkeys, hash(v.SessionHash)}, []any{&one})
	if err == nil && !found {
		err = storage.ErrSpent
	}
	return err
}

func useLink(t *tx, w storage.Write) error {
	if w.UseLink == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE links SET used_at = ?2, used_by = ?3
		WHERE hash = ?1 AND expires_at > ?2 AND (used_at IS NULL OR used_by = ?3)
			AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND disabled_at IS NOT NULL)`,
		hash(w.UseLink.Hash), micros(w.Now), w.Key)
}

func useTOTP(t *tx, w storage.Write) error {
	if w.UseTOTP == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE totps SET last_step = ?2, used_by = ?3
		WHERE user_id = ?1 AND (last_step < ?2 OR last_step = ?2 AND used_by = ?3)`,
		w.UseTOTP.UserID, w.UseTOTP.Step, w.Key)
}

func useRecoveryCode(t *tx, w storage.Write) error {
	c := w.UseRecoveryCode
	if c == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE recovery_codes SET used_at = ?3, used_by = ?4
		WHERE user_id = ?1 AND hash = ?2 AND (used_at IS NULL OR used_by = ?4)`,
		c.UserID, hash(c.Hash), micros(w.Now), w.Key)
}

func usePasskey(t *tx, w storage.Write) error {
	p := w.UsePasskey
	if p == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		UPDATE passkeys SET sign_count = max(sign_count, ?), backed_up = ?, last_used_at = ? WHERE id = ?`,
		p.SignCount, p.BackedUp, micros(w.Now), blob(p.ID))
}

func createGrant(t *tx, w storage.Write) error {
	g := w.Grant
	if g == nil {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO grants (`+grantColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`,
		g.ID, g.ClientID, text(g.UserID), text(g.SessionID), list(g.Scopes), list(g.Audience),
		micros(g.AuthTime), list(g.AMR), micros(g.CreatedAt), micros(g.ExpiresAt), micros(g.RevokedAt),
		g.Subject, g.SID, g.Claims)
	return err
}

func createCode(t *tx, w storage.Write) error {
	c := w.Code
	if c == nil {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO codes (`+codeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO NOTHING`,
		hash(c.Hash), c.GrantID, c.RedirectURI, c.CodeChallenge, c.Nonce,
		micros(c.CreatedAt), micros(c.ExpiresAt), micros(c.UsedAt))
	return err
}

func createRefresh(t *tx, w storage.Write) error {
	r := w.Refresh
	if r == nil {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO refresh_tokens (hash, grant_id, salt, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING`,
		hash(r.Hash), r.GrantID, r.Salt, micros(r.CreatedAt), micros(r.ExpiresAt))
	return err
}

func createAccess(t *tx, w storage.Write) error {
	a := w.Access
	if a == nil {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO access_tokens (`+accessColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO NOTHING`,
		hash(a.Hash), a.GrantID, list(a.Scopes), list(a.Audience),
		micros(a.CreatedAt), micros(a.ExpiresAt), micros(a.RevokedAt))
	return err
}

// createSession creates the session, or notes that it was proven anew.
func createSession(t *tx, w storage.Write) error {
	s := w.Session
	if s == nil {
		return nil
	}
	return guard(t, storage.ErrSpent, `
		INSERT INTO sessions (id, hash, user_id, auth_time, amr, remembered, user_agent, network,
			created_at, expires_at, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
			hash = iif(auth_time > excluded.auth_time, hash, excluded.hash),
			amr = iif(auth_time > excluded.auth_time, amr, excluded.amr),
			remembered = iif(auth_time > excluded.auth_time, remembered, excluded.remembered),
			user_agent = iif(auth_time > excluded.auth_time, user_agent, excluded.user_agent),
			network = iif(auth_time > excluded.auth_time, network, excluded.network),
			expires_at = iif(auth_time > excluded.auth_time, expires_at, excluded.expires_at),
			auth_time = max(auth_time, excluded.auth_time)
		WHERE ended_at IS NULL AND user_id = excluded.user_id`,
		s.ID, hash(s.Hash), s.UserID, micros(s.AuthTime), list(s.AMR),
		s.Remembered, s.UserAgent, s.Network,
		micros(s.CreatedAt), micros(s.ExpiresAt), micros(s.EndedAt))
}

func addSessionClient(t *tx, w storage.Write) error {
	c := w.SessionClient
	if c == nil {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO session_clients (session_id, client_id, sid, subject, created_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (session_id, client_id) DO NOTHING`,
		c.SessionID, c.ClientID, c.SID, c.Subject, micros(c.CreatedAt))
	return err
}

func keepClient(t *tx, w storage.Write) error {
	if w.UsesClient == "" {
		return nil
	}
	_, err := t.exec(`UPDATE clients SET expires_at = NULL WHERE id = ?`, w.UsesClient)
	return err
}

func addConsent(t *tx, w storage.Write) error {
	c := w.Consent
	if c == nil {
		return nil
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(c.Scopes)))
	_, err := t.exec(`
		INSERT INTO consents (user_id, client_id, scopes, created_at, granted_at) VALUES (?1, ?2, ?3, ?4, ?4)
		ON CONFLICT DO UPDATE SET created_at = coalesce(created_at, granted_at),
			granted_at = excluded.granted_at, scopes = (
			SELECT json_group_array(value) FROM (
				SELECT value FROM json_each(consents.scopes) UNION
				SELECT value FROM json_each(excluded.scopes) ORDER BY value))`,
		c.UserID, c.ClientID, list(scopes), micros(c.GrantedAt))
	return err
}

func addLinks(t *tx, w storage.Write) error {
	for _, l := range w.Links {
		if _, err := t.exec(`
			INSERT INTO links (`+linkColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (hash) DO NOTHING`,
			l.ID, hash(l.Hash), hash(l.CodeHash), l.Purpose, text(l.UserID), l.Email,
			blob(l.SealedData), l.Attempts,
			micros(l.CreatedAt), micros(l.ExpiresAt), micros(l.UsedAt)); err != nil {
			return err
		}
	}
	return nil
}

func addMails(t *tx, w storage.Write) error {
	for _, m := range w.Mails {
		if _, err := t.exec(`
			INSERT INTO mails (id, sealed, created_at, expires_at, next_at) VALUES (?1, ?2, ?3, ?4, ?3)
			ON CONFLICT (id) DO NOTHING`,
			m.ID, blob(m.Sealed), micros(m.CreatedAt), micros(m.ExpiresAt)); err != nil {
			return err
		}
	}
	return nil
}

func addActivity(t *tx, w storage.Write) error {
	for _, a := range w.Activity {
		if _, err := t.exec(`
			INSERT INTO activity (`+activityColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`,
			a.ID, a.UserID, micros(a.At), a.Event, a.ClientID, a.Network, a.UserAgent); err != nil {
			return err
		}
	}
	return nil
}

func takeBackAttempt(t *tx, w storage.Write) error {
	if w.Succeeded == nil {
		return nil
	}
	if _, err := t.exec(`DELETE FROM attempts WHERE key = ?`, w.Succeeded.AccountKey); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE attempts SET count = count - 1 WHERE key = ? AND count > 0`, w.Succeeded.NetworkKey)
	return err
}
