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
// taken in the order code or refresh token, then assertion, then grant.
func (db *DB) Apply(ctx context.Context, write storage.Write) error {
	var w *writing
	err := db.send(ctx, func(b *pgx.Batch) {
		w = &writing{Write: write, batch: b, args: guardArgs(write)}
		w.admitted = w.guard()
		w.createGrant()
		w.createTokens()
		w.replaceSession()
		w.addConsent()
		w.takeBackAttempt()
	})
	if err == nil {
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
	refused  error // by a guard, once the batch was sent
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
			auth_time, amr, created_at, expires_at, revoked_at)
		SELECT @id::text, @client_id::text, @user_id::text, @session_id::text,
			@scopes::text[], @audience::text[], @auth_time::timestamptz, @amr::text[],
			@created_at::timestamptz, @expires_at::timestamptz, @revoked_at::timestamptz
		FROM admitted ON CONFLICT (id) DO NOTHING`,
		pgx.NamedArgs{
			"id": g.ID, "client_id": g.ClientID, "user_id": text(g.UserID),
			"session_id": text(g.SessionID), "scopes": array(g.Scopes), "audience": array(g.Audience),
			"auth_time": instant(g.AuthTime), "amr": array(g.AMR), "created_at": instant(g.CreatedAt),
			"expires_at": instant(g.ExpiresAt), "revoked_at": instant(g.RevokedAt),
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

func (w *writing) replaceSession() {
	if w.EndsSession != (storage.Hash{}) {
		w.ifAdmitted(`
			UPDATE sessions SET ended_at = @now::timestamptz FROM admitted
			WHERE hash = @ends::bytea AND ended_at IS NULL`,
			pgx.NamedArgs{"ends": hash(w.EndsSession)})
	}
	s := w.Session
	if s == nil {
		return
	}
	w.ifAdmitted(`
		INSERT INTO sessions (id, hash, user_id, auth_time, amr, created_at, expires_at, ended_at)
		SELECT @id::text, @hash::bytea, @user_id::text, @auth_time::timestamptz, @amr::text[],
			@created_at::timestamptz, @expires_at::timestamptz, @ended_at::timestamptz
		FROM admitted ON CONFLICT (id) DO NOTHING`,
		pgx.NamedArgs{
			"id": s.ID, "hash": hash(s.Hash), "user_id": s.UserID, "auth_time": instant(s.AuthTime),
			"amr": array(s.AMR), "created_at": instant(s.CreatedAt),
			"expires_at": instant(s.ExpiresAt), "ended_at": instant(s.EndedAt),
		})
}

func (w *writing) addConsent() {
	c := w.Consent
	if c == nil {
		return
	}
	w.ifAdmitted(`
		INSERT INTO consents AS c (user_id, client_id, scopes, granted_at)
		SELECT @user_id::text, @client_id::text, @scopes::text[], @granted_at::timestamptz
		FROM admitted ON CONFLICT (user_id, client_id) DO UPDATE
		SET granted_at = excluded.granted_at, scopes = ARRAY(
			SELECT DISTINCT unnest(c.scopes || excluded.scopes) COLLATE "C" ORDER BY 1)`,
		pgx.NamedArgs{
			"user_id": c.UserID, "client_id": c.ClientID, "granted_at": instant(c.GrantedAt),
			"scopes": array(slices.Compact(slices.Sorted(slices.Values(c.Scopes)))),
		})
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
