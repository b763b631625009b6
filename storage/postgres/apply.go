package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// Apply implements [storage.Store]: one batch, which is one transaction. Locks are
// taken in the order code or refresh token, then user, session, assertion or link or
// factor, and grant: what ends a user's or a session's grants locks those first as well.
func (db *DB) Apply(ctx context.Context, write storage.Write) error {
	var w *writing
	err := db.send(ctx, func(b *pgx.Batch) {
		w = &writing{Write: write, batch: b, args: guardArgs(write)}
		w.lockChanged()
		w.admitted = w.guard()
		w.createUser()
		w.change()
		w.createSession()
		w.createGrant()
		w.createTokens()
		w.addConsent()
		w.keepClient()
		w.notePasskey()
		w.addLinks()
		w.addMails()
		w.addActivity()
		w.takeBackAttempt()
	})
	if err == nil && !w.again {
		err = w.refused
	}
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

// writing is a write as it is put into a batch.
type writing struct {
	storage.Write
	batch    *pgx.Batch
	args     pgx.NamedArgs
	admitted admission
	// Once the batch was sent:
	refused error // by a guard
	again   bool  // the change was made before, by the same write
}

// ifAdmitted queues a statement that selects from admitted.
func (w *writing) ifAdmitted(query string, args pgx.NamedArgs) {
	maps.Copy(args, w.args)
	w.batch.Queue(string(w.admitted)+query, args)
}

func (w *writing) createGrant() {
	g := w.Grant
	if g == nil {
		return
	}
	w.ifAdmitted(`
		INSERT INTO grants (id, client_id, user_id, session_id, scopes, audience,
			auth_time, amr, created_at, expires_at, revoked_at, subject, sid, claims)
		SELECT @id::text, @client_id::text, @user_id::text, @session_id::text,
			@scopes::text[], @audience::text[], @auth_time::timestamptz, @amr::text[],
			@created_at::timestamptz, @expires_at::timestamptz, @revoked_at::timestamptz,
			@subject::text, @sid::text, @claims::text
		FROM admitted ON CONFLICT (id) DO NOTHING`,
		pgx.NamedArgs{
			"id": g.ID, "client_id": g.ClientID, "user_id": text(g.UserID),
			"session_id": text(g.SessionID), "scopes": array(g.Scopes), "audience": array(g.Audience),
			"auth_time": instant(g.AuthTime), "amr": array(g.AMR), "created_at": instant(g.CreatedAt),
			"expires_at": instant(g.ExpiresAt), "revoked_at": instant(g.RevokedAt),
			"subject": g.Subject, "sid": g.SID, "claims": g.Claims,
		})
}

func (w *writing) createTokens() {
	if c := w.Code; c != nil {
		w.ifAdmitted(`
			INSERT INTO codes (hash, grant_id, redirect_uri, code_challenge, nonce,
				created_at, expires_at, used_at)
			SELECT @hash::bytea, @grant_id::text, @redirect_uri::text, @code_challenge::text,
				@nonce::text, @created_at::timestamptz, @expires_at::timestamptz, @used_at::timestamptz
			FROM admitted ON CONFLICT (hash) DO NOTHING`,
			pgx.NamedArgs{
				"hash": hash(c.Hash), "grant_id": c.GrantID, "redirect_uri": c.RedirectURI,
				"code_challenge": c.CodeChallenge, "nonce": c.Nonce, "created_at": instant(c.CreatedAt),
				"expires_at": instant(c.ExpiresAt), "used_at": instant(c.UsedAt),
			})
	}
	if r := w.Refresh; r != nil {
		w.ifAdmitted(`
			INSERT INTO refresh_tokens (hash, grant_id, salt, created_at, expires_at)
			SELECT @hash::bytea, @grant_id::text, @salt::bytea,
				@created_at::timestamptz, @expires_at::timestamptz
			FROM admitted ON CONFLICT (hash) DO NOTHING`,
			pgx.NamedArgs{
				"hash": hash(r.Hash), "grant_id": r.GrantID, "salt": r.Salt,
				"created_at": instant(r.CreatedAt), "expires_at": instant(r.ExpiresAt),
			})
	}
	if a := w.Access; a != nil {
		w.ifAdmitted(`
			INSERT INTO access_tokens (hash, grant_id, scopes, audience, created_at, expires_at, revoked_at)
			SELECT @hash::bytea, @grant_id::text, @scopes::text[], @audience::text[],
				@created_at::timestamptz, @expires_at::timestamptz, @revoked_at::timestamptz
			FROM admitted ON CONFLICT (hash) DO NOTHING`,
			pgx.NamedArgs{
				"hash": hash(a.Hash), "grant_id": a.GrantID, "scopes": array(a.Scopes),
				"audience": array(a.Audience), "created_at": instant(a.CreatedAt),
				"expires_at": instant(a.ExpiresAt), "revoked_at": instant(a.RevokedAt),
			})
	}
}

// createSession creates the session, or notes that it was proven anew, and then
// the client that takes part: two tabs may do so at once, with the same sid, which is
// unique by itself.
func (w *writing) createSession() {
	if s := w.Session; s != nil {
		w.ifAdmitted(`
			INSERT INTO sessions AS s (id, hash, user_id, auth_time, amr, remembered, user_agent, network,
				created_at, expires_at, ended_at)
			SELECT @id::text, @hash::bytea, @user_id::text, @auth_time::timestamptz, @amr::text[],
				@remembered::boolean, @user_agent::text, @network::text,
				@created_at::timestamptz, @expires_at::timestamptz, @ended_at::timestamptz
			FROM admitted ON CONFLICT (id) DO UPDATE SET hash = excluded.hash,
				auth_time = excluded.auth_time, amr = excluded.amr, expires_at = excluded.expires_at,
				remembered = excluded.remembered, user_agent = excluded.user_agent, network = excluded.network
			WHERE s.auth_time <= excluded.auth_time AND s.ended_at IS NULL`,
			pgx.NamedArgs{
				"id": s.ID, "hash": hash(s.Hash), "user_id": s.UserID, "auth_time": instant(s.AuthTime),
				"amr": array(s.AMR), "remembered": s.Remembered, "user_agent": s.UserAgent, "network": s.Network,
				"created_at": instant(s.CreatedAt), "expires_at": instant(s.ExpiresAt),
				"ended_at": instant(s.EndedAt),
			})
	}
	if c := w.SessionClient; c != nil {
		w.ifAdmitted(`
			INSERT INTO session_clients (session_id, client_id, sid, subject, created_at)
			SELECT @session_id::text, @client_id::text, @sid::text, @subject::text, @created_at::timestamptz
			FROM admitted ON CONFLICT DO NOTHING`,
			pgx.NamedArgs{
				"session_id": c.SessionID, "client_id": c.ClientID, "sid": c.SID,
				"subject": c.Subject, "created_at": instant(c.CreatedAt),
			})
	}
}

func (w *writing) keepClient() {
	if w.UsesClient == "" {
		return
	}
	w.ifAdmitted(`UPDATE clients SET expires_at = NULL FROM admitted
		WHERE id = @uses::text AND expires_at IS NOT NULL`, pgx.NamedArgs{"uses": w.UsesClient})
}

func (w *writing) addConsent() {
	c := w.Consent
	if c == nil {
		return
	}
	w.ifAdmitted(`
		INSERT INTO consents AS c (user_id, client_id, scopes, created_at, granted_at)
		SELECT @user_id::text, @client_id::text, @scopes::text[],
			@granted_at::timestamptz, @granted_at::timestamptz
		FROM admitted ON CONFLICT (user_id, client_id) DO UPDATE
		SET created_at = coalesce(c.created_at, c.granted_at), granted_at = excluded.granted_at, scopes = ARRAY(
			SELECT DISTINCT unnest(c.scopes || excluded.scopes) COLLATE "C" ORDER BY 1)`,
		pgx.NamedArgs{
			"user_id": c.UserID, "client_id": c.ClientID, "granted_at": instant(c.GrantedAt),
			"scopes": array(slices.Compact(slices.Sorted(slices.Values(c.Scopes)))),
		})
}

// notePasskey is for one that the guard has found.
func (w *writing) notePasskey() {
	if p := w.UsePasskey; p != nil {
		w.ifAdmitted(`
			UPDATE passkeys SET sign_count = greatest(sign_count, @sign_count::bigint),
				backed_up = @backed_up::boolean, last_used_at = @now::timestamptz
			FROM admitted WHERE id = @passkey::bytea`,
			pgx.NamedArgs{"sign_count": int64(p.SignCount), "backed_up": p.BackedUp})
	}
}

func (w *writing) addLinks() {
	for _, l := range w.Links {
		w.ifAdmitted(`
			INSERT INTO links (hash, id, code_hash, purpose, user_id, email, sealed_data, attempts,
				created_at, expires_at, used_at)
			SELECT @hash::bytea, @id::text, @code_hash::bytea, @purpose::text, @user_id::text, @email::text,
				@sealed_data::bytea, @attempts::integer,
				@created_at::timestamptz, @expires_at::timestamptz, @used_at::timestamptz
			FROM admitted ON CONFLICT DO NOTHING`,
			pgx.NamedArgs{
				"hash": hash(l.Hash), "id": l.ID, "code_hash": hash(l.CodeHash), "purpose": l.Purpose,
				"user_id": text(l.UserID), "email": l.Email, "sealed_data": blob(l.SealedData),
				"attempts": l.Attempts, "created_at": instant(l.CreatedAt),
				"expires_at": instant(l.ExpiresAt), "used_at": instant(l.UsedAt),
			})
	}
}

func (w *writing) addMails() {
	for _, m := range w.Mails {
		w.ifAdmitted(`
			INSERT INTO mails (id, sealed, created_at, expires_at, next_at)
			SELECT @id::text, @sealed::bytea,
				@created_at::timestamptz, @expires_at::timestamptz, @created_at::timestamptz
			FROM admitted ON CONFLICT (id) DO NOTHING`,
			pgx.NamedArgs{
				"id": m.ID, "sealed": blob(m.Sealed),
				"created_at": instant(m.CreatedAt), "expires_at": instant(m.ExpiresAt),
			})
	}
}

func (w *writing) addActivity() {
	for _, a := range w.Activity {
		w.ifAdmitted(`
			INSERT INTO activity (`+activityColumns+`)
			SELECT @id::text, @user_id::text, @at::timestamptz, @event::text, @client_id::text,
				@network::text, @user_agent::text
			FROM admitted ON CONFLICT (id) DO NOTHING`,
			pgx.NamedArgs{
				"id": a.ID, "user_id": a.UserID, "at": instant(a.At), "event": a.Event,
				"client_id": a.ClientID, "network": a.Network, "user_agent": a.UserAgent,
			})
	}
}

// takeBackAttempt takes the locks in the order in which CountAttempt does.
func (w *writing) takeBackAttempt() {
	if w.Succeeded == nil {
		return
	}
	w.ifAdmitted(`DELETE FROM attempts USING admitted WHERE key = @account::text`,
		pgx.NamedArgs{"account": w.Succeeded.AccountKey})
	w.ifAdmitted(`UPDATE attempts SET count = count - 1 FROM admitted WHERE key = @network::text AND count > 0`,
		pgx.NamedArgs{"network": w.Succeeded.NetworkKey})
}
