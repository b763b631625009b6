package postgres

import (
	"crypto/rand"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatelodge/gatelodge/storage"
)

// A guard marks the row that it consumes with the write's key, if it may. The
// statements that follow in the batch do something only if they find the mark,
// and so are nothing when the guard refuses: [admission]. Two writes that want
// the same row meet at its lock, and the second finds it marked.

// admission begins a statement that depends on the guard: it selects from
// admitted, which has a row if the guard let the write through.
type admission string

const (
	ifAssertionUsed admission = `WITH admitted AS (
		SELECT FROM assertions WHERE jti = @jti::bytea AND used_by = @key::text) `
	ifRedeemed admission = `WITH admitted AS (
		SELECT FROM codes WHERE hash = @presented::bytea AND used_by = @key::text) `
	ifRotated admission = `WITH admitted AS (
		SELECT FROM refresh_tokens WHERE hash = @presented::bytea AND used_by = @key::text) `
	ifLinkUsed admission = `WITH admitted AS (
		SELECT FROM links WHERE hash = @link::bytea AND used_by = @key::text) `
	ifTOTPUsed admission = `WITH admitted AS (
		SELECT FROM totps WHERE user_id = @totp_user::text AND used_by = @key::text) `
	ifRecoveryCodeUsed admission = `WITH admitted AS (
		SELECT FROM recovery_codes WHERE user_id = @recovery_user::text AND hash = @recovery_code::bytea
			AND used_by = @key::text) `
	// ifChanged is as long as nobody changes the user again, which the lock on the
	// user prevents.
	ifChanged admission = `WITH admitted AS (
		SELECT FROM users WHERE id = @changed::text AND changed_by = @change::text) `
)

const (
	// grantLives is a value and not an EXISTS, of which the planner may make a join:
	// before it has statistics, one that goes through all grants of the client.
	grantLives = `(SELECT g.client_id = @client::text AND g.revoked_at IS NULL
		AND g.expires_at > @now::timestamptz FROM grants g WHERE g.id = t.grant_id)`

	codeUnspent = `t.hash = @presented::bytea AND t.expires_at > @now::timestamptz
		AND (t.used_at IS NULL OR t.used_by = @key::text) AND ` + grantLives

	refreshUnspent = `t.hash = @presented::bytea AND t.expires_at > @now::timestamptz
		AND (t.used_at IS NULL OR t.used_by = @key::text
			OR t.used_at > @grace_from::timestamptz AND t.successor = @successor::bytea
			AND NOT EXISTS (SELECT FROM refresh_tokens s
				WHERE s.hash = t.successor AND s.used_at IS NOT NULL)) AND ` + grantLives

	stillVerified = `SELECT FROM users WHERE id = @verified_user::text
		AND password_hash = @verified_hash::text AND disabled_at IS NULL`

	stillAsRead = ` AND updated_at = @verified_updated::timestamptz`

	stillThatMany = ` AND (SELECT count(*) FROM passkeys WHERE user_id = @verified_user::text) = @verified_passkeys::bigint`

	stillSignedIn = `SELECT FROM sessions WHERE id = @verified_session::text AND ended_at IS NULL`

	stillThatToken = ` AND hash = @verified_session_hash::bytea` //nolint:gosec // no credential of ours

	// provable: the session to be written is a new one, or lives and is the user's.
	provable = `NOT EXISTS (SELECT FROM sessions p WHERE p.id = @session::text
		AND (p.ended_at IS NOT NULL OR p.user_id <> @session_user::text))`

	markCode = `UPDATE codes t SET used_at = @now::timestamptz, used_by = @key::text WHERE `

	stillThere = `SELECT FROM users WHERE id = @changed::text`

	stillRegistered = `SELECT FROM passkeys WHERE id = @passkey::bytea`

	markLink = `UPDATE links t SET used_at = @now::timestamptz, used_by = @key::text
		WHERE t.hash = @link::bytea AND t.expires_at > @now::timestamptz
			AND (t.used_at IS NULL OR t.used_by = @key::text)
			AND (SELECT u.disabled_at FROM users u WHERE u.id = t.user_id) IS NULL`

	markTOTP = `UPDATE totps t SET last_step = @totp_step::bigint, used_by = @key::text
		WHERE t.user_id = @totp_user::text AND (t.last_step < @totp_step::bigint
			OR t.last_step = @totp_step::bigint AND t.used_by = @key::text)`

	markRecoveryCode = `UPDATE recovery_codes t SET used_at = @now::timestamptz, used_by = @key::text
		WHERE t.user_id = @recovery_user::text AND t.hash = @recovery_code::bytea
			AND (t.used_at IS NULL OR t.used_by = @key::text)`

	// The time and the successor of the first rotation stay as they are.
	markRefresh = `UPDATE refresh_tokens t SET used_by = @key::text,
		used_at = coalesce(t.used_at, @now::timestamptz),
		successor = coalesce(t.successor, @successor::bytea) WHERE `
)

// guard queues the guards of the write. An assertion is burnt only if the code or
// refresh token that comes with it is unspent, and that is spent only if the
// assertion was not used before.
func (w *writing) guard() admission {
	switch {
	case w.Redeem != nil:
		return w.consume("codes", codeUnspent, markCode, ifRedeemed)
	case w.Rotate != nil:
		return w.consume("refresh_tokens", refreshUnspent, markRefresh, ifRotated)
	}
	ready := w.verify()
	if w.Change != nil {
		ready = `SELECT FROM (` + ready + `) AS ready WHERE EXISTS (` + stillThere + `)`
	}
	if w.Session != nil {
		ready = w.prove(ready)
	}
	if w.UsePasskey != nil {
		w.mark(storage.ErrSpent, stillRegistered+` FOR NO KEY UPDATE`)
		ready = `SELECT FROM (` + ready + `) AS ready WHERE EXISTS (` + stillRegistered + `)`
	}
	return w.useUp(ready)
}

// useUp queues the guard of what a write without Redeem and Rotate uses up, which
// is only if the guards before it let the write through.
func (w *writing) useUp(ready string) admission {
	switch {
	case w.Assertion != nil:
		w.mark(storage.ErrReplayed, useAssertion(`(`+ready+`)`))
		return ifAssertionUsed
	case w.UseLink != nil:
		w.mark(storage.ErrSpent, markLink+` AND EXISTS (`+ready+`)`)
		return ifLinkUsed
	case w.UseTOTP != nil:
		w.mark(storage.ErrSpent, markTOTP+` AND EXISTS (`+ready+`)`)
		return ifTOTPUsed
	case w.UseRecoveryCode != nil:
		w.mark(storage.ErrSpent, markRecoveryCode+` AND EXISTS (`+ready+`)`)
		return ifRecoveryCodeUsed
	}
	return admission(`WITH admitted AS (` + ready + `) `)
}

// verify queues the guard of Verified, and returns a query that has a row if it
// let the write through. The lock on the user, which a reference to the user takes
// anyway, keeps a change of the password waiting; that on the session keeps its end
// waiting, but no other request.
func (w *writing) verify() string {
	v := w.Verified
	if v == nil {
		return `SELECT`
	}
	stillVerified := stillVerified
	if !v.UpdatedAt.IsZero() {
		stillVerified += stillAsRead
	}
	if v.Passkeys > 0 {
		stillVerified += stillThatMany
	}
	if v.SessionID == "" {
		w.mark(storage.ErrSpent, stillVerified+` FOR KEY SHARE`)
		return stillVerified
	}
	lock := ` FOR SHARE`
	if w.Session != nil && w.Session.ID == v.SessionID {
		// It will be written: two requests that held the lock above would wait for
		// each other.
		lock = ` FOR UPDATE`
	}
	stillSignedIn := stillSignedIn
	if v.SessionHash != (storage.Hash{}) {
		stillSignedIn += stillThatToken
	}
	// Two lookups, the user's first, and no join, which takes longer to plan.
	w.mark(storage.ErrSpent, `WITH verified AS (`+stillVerified+` FOR KEY SHARE) `+
		stillSignedIn+` AND EXISTS (SELECT FROM verified)`+lock)
	return stillSignedIn + ` AND EXISTS (` + stillVerified + `)`
}

// prove queues the guard of a session that is proven anew, and returns the query
// with that condition too.
func (w *writing) prove(ready string) string {
	var others, ended bool
	q := w.batch.Queue(`SELECT user_id <> @session_user::text, ended_at IS NOT NULL
		FROM sessions WHERE id = @session::text FOR UPDATE`, w.args)
	one(q, []any{&others, &ended}, func() {
		if (others || ended) && w.refused == nil {
			w.refused = storage.ErrSpent
		}
	})
	return `SELECT FROM (` + ready + `) AS ready WHERE ` + provable
}

func (w *writing) consume(table, unspent, mark string, consumed admission) admission {
	if w.Assertion == nil {
		w.mark(storage.ErrSpent, mark+unspent)
		return consumed
	}
	// The lock keeps the row as it is until the second statement marks it.
	var ready, burnt bool
	q := w.batch.Queue(`
		WITH presented AS (SELECT FROM `+table+` t WHERE `+unspent+` FOR UPDATE OF t),
		burnt AS (`+useAssertion(`presented`)+` RETURNING 1)
		SELECT EXISTS (SELECT FROM presented), EXISTS (SELECT FROM burnt)`, w.args)
	one(q, []any{&ready, &burnt}, func() {
		switch {
		case !ready:
			w.refused = storage.ErrSpent
		case !burnt:
			w.refused = storage.ErrReplayed
		}
	})
	w.batch.Queue(mark+`t.hash = @presented::bytea AND EXISTS (
		SELECT FROM assertions WHERE jti = @jti::bytea AND used_by = @key::text)`, w.args)
	return consumed
}

// useAssertion inserts the assertion if there is a row in from. The same write
// finds its own and is let through.
func useAssertion(from string) string {
	return `INSERT INTO assertions AS a (jti, client_id, expires_at, used_by)
		SELECT @jti::bytea, @assertion_client::text, @assertion_expires::timestamptz, @key::text
		FROM ` + from + ` AS ready
		ON CONFLICT (jti, client_id) DO UPDATE SET used_by = excluded.used_by
		WHERE a.used_by = excluded.used_by`
}

// mark queues a statement that must write or lock a row, else the write is refused.
func (w *writing) mark(refused error, query string) {
	w.batch.Queue(query, w.args).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 && w.refused == nil {
			w.refused = refused
		}
		return nil
	})
}

// guardArgs are the arguments of the guards and of what depends on them.
func guardArgs(w storage.Write) pgx.NamedArgs {
	args := pgx.NamedArgs{"key": w.Key, "now": instant(w.Now)}
	if a := w.Assertion; a != nil {
		args["jti"], args["assertion_client"] = hash(a.JTI), a.ClientID
		args["assertion_expires"] = instant(a.ExpiresAt)
	}
	if v := w.Verified; v != nil {
		args["verified_user"], args["verified_hash"] = v.UserID, v.PasswordHash
		args["verified_session"], args["verified_updated"] = v.SessionID, instant(v.UpdatedAt)
		args["verified_passkeys"], args["verified_session_hash"] = v.Passkeys, hash(v.SessionHash)
	}
	if l := w.UseLink; l != nil {
		args["link"] = hash(l.Hash)
	}
	if t := w.UseTOTP; t != nil {
		args["totp_user"], args["totp_step"] = t.UserID, t.Step
	}
	if c := w.UseRecoveryCode; c != nil {
		args["recovery_user"], args["recovery_code"] = c.UserID, hash(c.Hash)
	}
	if p := w.UsePasskey; p != nil {
		args["passkey"] = blob(p.ID)
	}
	if c := w.Change; c != nil {
		// Each time that the write is sent has a mark of its own.
		args["changed"], args["change"] = c.UserID, w.Key+":"+rand.Text()
	}
	if s := w.Session; s != nil {
		args["session"], args["session_user"] = s.ID, s.UserID
	}
	if r := w.Redeem; r != nil {
		args["presented"], args["client"] = hash(r.Code), r.ClientID
	}
	if r := w.Rotate; r != nil {
		args["presented"], args["client"] = hash(r.Refresh), r.ClientID
		args["successor"], args["grace_from"] = hash(w.Refresh.Hash), instant(r.GraceFrom(w.Now))
	}
	return args
}
