package postgres

import (
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// createUser creates the user, unless this write has done so before.
func (w *writing) createUser() {
	u := w.CreateUser
	if u == nil {
		return
	}
	w.ifAdmitted(`, created AS (
			INSERT INTO users (id, identifiers, password_hash, claims, preferences,
				disabled_at, deletes_at, created_at, updated_at)
			SELECT @id::text, @identifiers::text[], @password_hash::text, @claims::jsonb, @preferences::jsonb,
				@disabled_at::timestamptz, @deletes_at::timestamptz,
				@created_at::timestamptz, @updated_at::timestamptz
			FROM admitted ON CONFLICT (id) DO NOTHING RETURNING id)
		INSERT INTO user_identifiers (identifier, user_id)
		SELECT DISTINCT unnest(@identifiers::text[]), id FROM created ORDER BY 1`,
		pgx.NamedArgs{
			"id": u.ID, "identifiers": array(u.Identifiers), "password_hash": u.PasswordHash,
			"claims": document{u.Claims}, "preferences": document{u.Preferences},
			"disabled_at": instant(u.DisabledAt), "deletes_at": instant(u.DeletesAt),
			"created_at": instant(u.CreatedAt), "updated_at": instant(u.UpdatedAt),
		})
}

// lockChanged queues the lock on the user who is changed, before those that a guard
// takes, and finds out whether this very write has changed them before.
func (w *writing) lockChanged() {
	if w.Change == nil {
		return
	}
	w.refused = storage.ErrNotFound
	q := w.batch.Queue(`SELECT coalesce(starts_with(changed_by, @key::text || ':'), false)
		FROM users WHERE id = @changed::text FOR UPDATE`, w.args)
	one(q, []any{&w.again}, func() { w.refused = nil })
}

// change marks the user, once, if the guards let the write through. All that
// follows depends on the mark, and no more on what the guards found, since the change
// may end that: the session that was verified, or the factor that was used.
func (w *writing) change() {
	c := w.Change
	if c == nil {
		return
	}
	set, args := `changed_by = @change::text`, pgx.NamedArgs{}
	if c.PasswordHash != nil {
		set, args["password_hash"] = set+`, password_hash = @password_hash::text`, *c.PasswordHash
	}
	if c.Identifiers != nil {
		set, args["identifiers"] = set+`, identifiers = @identifiers::text[]`, c.Identifiers
	}
	if c.Claims != nil {
		set, args["claims"] = set+`, claims = @claims::jsonb`, document{c.Claims}
	}
	if len(args) > 0 {
		set += `, updated_at = @now::timestamptz`
	}
	if c.Preferences != nil {
		set, args["preferences"] = set+`, preferences = @preferences::jsonb`, document{c.Preferences}
	}
	if c.DeletesAt != nil {
		set, args["deletes_at"] = set+`, deletes_at = @deletes_at::timestamptz`, instant(*c.DeletesAt)
	}
	w.ifAdmitted(`UPDATE users SET `+set+` FROM admitted WHERE id = @changed::text
		AND NOT coalesce(starts_with(changed_by, @key::text || ':'), false)`, args)
	w.admitted = ifChanged
	w.signOut()
	w.changeIdentifiers()
	w.changeTOTP()
	w.changePasskeys()
	w.changeRecoveryCodes()
}

// signOut ends what a change ends.
func (w *writing) signOut() {
	c := w.Change
	deleted := c.DeletesAt != nil && !c.DeletesAt.IsZero()
	args := endingArgs(w.Now)
	maps.Copy(args, w.args)
	args["keep_session"], args["ended_sessions"] = c.KeepSession, array(c.EndSessions)
	const ifMarked = ` AND EXISTS (SELECT FROM users WHERE id = @changed::text AND changed_by = @change::text)`
	switch {
	case c.PasswordHash != nil || deleted:
		if deleted {
			args["keep_session"] = ""
		}
		endSessions(w.batch, `s.user_id = @changed::text AND s.id <> @keep_session::text`, ifMarked, args)
		w.ifAdmitted(`UPDATE grants SET revoked_at = @now::timestamptz FROM admitted
			WHERE user_id = @changed::text AND revoked_at IS NULL`, pgx.NamedArgs{})
	case c.EndSessions != nil:
		endSessions(w.batch, `s.user_id = @changed::text AND s.id = ANY (@ended_sessions::text[])`, ifMarked, args)
		w.batch.Queue(endGrantsOfSessions+ifMarked, args)
	}
	if c.Disconnect != "" {
		w.ifAdmitted(`DELETE FROM consents USING admitted
			WHERE user_id = @changed::text AND client_id = @disconnected::text`,
			pgx.NamedArgs{"disconnected": c.Disconnect})
		w.ifAdmitted(`UPDATE grants SET revoked_at = @now::timestamptz FROM admitted
			WHERE user_id = @changed::text AND client_id = @disconnected::text AND revoked_at IS NULL`,
			pgx.NamedArgs{"disconnected": c.Disconnect})
	}
	if c.PasswordHash != nil || c.Identifiers != nil {
		used := hash{}
		if w.UseLink != nil {
			used = hash(w.UseLink.Hash)
		}
		w.ifAdmitted(`DELETE FROM links USING admitted
			WHERE user_id = @changed::text AND hash IS DISTINCT FROM @used_link::bytea`,
			pgx.NamedArgs{"used_link": used})
	}
}

// endGrantsOfSessions ends the grants that hang on the sessions which this write has
// ended, and do not outlive them.
const endGrantsOfSessions = `
	UPDATE grants g SET revoked_at = @at::timestamptz FROM sessions s
	WHERE s.id = ANY (@ended_sessions::text[]) AND s.ended_by = @ended_by::text
		AND g.session_id = s.id AND g.revoked_at IS NULL AND 'offline_access' <> ALL (g.scopes)`

func (w *writing) changeIdentifiers() {
	names := w.Change.Identifiers
	if names == nil {
		return
	}
	w.ifAdmitted(`DELETE FROM user_identifiers USING admitted WHERE user_id = @changed::text`, pgx.NamedArgs{})
	w.ifAdmitted(`INSERT INTO user_identifiers (identifier, user_id)
		SELECT DISTINCT unnest(@identifiers::text[]), @changed::text FROM admitted ORDER BY 1`,
		pgx.NamedArgs{"identifiers": names})
}

func (w *writing) changeTOTP() {
	if w.Change.RemoveTOTP {
		w.ifAdmitted(`DELETE FROM totps USING admitted WHERE user_id = @changed::text`, pgx.NamedArgs{})
	}
	if t := w.Change.SetTOTP; t != nil {
		w.ifAdmitted(`
			INSERT INTO totps (user_id, sealed_secret, last_step, created_at)
			SELECT @changed::text, @sealed_secret::bytea, @last_step::bigint, @created_at::timestamptz
			FROM admitted ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret,
				last_step = excluded.last_step, used_by = NULL, created_at = excluded.created_at`,
			pgx.NamedArgs{
				"sealed_secret": blob(t.SealedSecret), "last_step": t.LastStep,
				"created_at": instant(t.CreatedAt),
			})
	}
}

func (w *writing) changePasskeys() {
	c := w.Change
	if p := c.AddPasskey; p != nil {
		w.ifAdmitted(`
			INSERT INTO passkeys (id, user_id, name, public_key, aaguid, transports, sign_count,
				backup_eligible, backed_up, created_at, last_used_at)
			SELECT @id::bytea, @changed::text, @name::text, @public_key::bytea, @aaguid::bytea,
				@transports::text[], @sign_count::bigint, @backup_eligible::boolean, @backed_up::boolean,
				@created_at::timestamptz, @last_used_at::timestamptz
			FROM admitted`,
			pgx.NamedArgs{
				"id": blob(p.ID), "name": p.Name, "public_key": blob(p.PublicKey), "aaguid": blob(p.AAGUID),
				"transports": array(p.Transports), "sign_count": int64(p.SignCount),
				"backup_eligible": p.BackupEligible, "backed_up": p.BackedUp,
				"created_at": instant(p.CreatedAt), "last_used_at": instant(p.LastUsedAt),
			})
	}
	if p := c.RenamePasskey; p != nil {
		w.ifAdmitted(`UPDATE passkeys SET name = @name::text FROM admitted
			WHERE id = @id::bytea AND user_id = @changed::text`, pgx.NamedArgs{"id": blob(p.ID), "name": p.Name})
	}
	if c.RemovePasskey != nil {
		w.ifAdmitted(`DELETE FROM passkeys USING admitted
			WHERE id = @id::bytea AND user_id = @changed::text`, pgx.NamedArgs{"id": c.RemovePasskey})
	}
}

func (w *writing) changeRecoveryCodes() {
	codes := w.Change.RecoveryCodes
	if codes == nil {
		return
	}
	hashes := make([][]byte, 0, len(codes))
	for _, code := range codes {
		hashes = append(hashes, code[:])
	}
	w.ifAdmitted(`DELETE FROM recovery_codes USING admitted WHERE user_id = @changed::text`, pgx.NamedArgs{})
	w.ifAdmitted(`INSERT INTO recovery_codes (user_id, hash)
		SELECT @changed::text, unnest(@codes::bytea[]) FROM admitted`, pgx.NamedArgs{"codes": hashes})
}
