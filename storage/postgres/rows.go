package postgres

import "github.com/gatelodge/gatelodge/storage"

// The columns of each table as it is read, and the fields they scan into, in the
// same order. What was presented is t, its grant g, a user u, a client c.

const clientColumns = `c.id, c.secret_hash, c.metadata, c.registration_hash, c.expires_at,
	c.created_at, c.updated_at`

func clientFields(c *storage.Client) []any {
	return []any{
		&c.ID, &c.SecretHash, &c.Metadata, (*hash)(&c.RegistrationHash), (*instant)(&c.ExpiresAt),
		(*instant)(&c.CreatedAt), (*instant)(&c.UpdatedAt),
	}
}

// All of a user may be NULL, for a grant may have none.
const userColumns = `u.id, u.identifiers, u.password_hash, u.pairwise_salt,
	coalesce(u.claims, '{}'), coalesce(u.preferences, '{}'),
	u.disabled_at, u.deletes_at, u.created_at, u.updated_at`

func userFields(u *storage.User) []any {
	return []any{
		(*text)(&u.ID), &u.Identifiers, (*text)(&u.PasswordHash), &u.PairwiseSalt, &u.Claims, &u.Preferences,
		(*instant)(&u.DisabledAt), (*instant)(&u.DeletesAt), (*instant)(&u.CreatedAt), (*instant)(&u.UpdatedAt),
	}
}

const sessionColumns = `t.id, t.hash, t.user_id, t.auth_time, t.amr,
	t.remembered, t.user_agent, t.network,
	t.created_at, t.expires_at, t.ended_at`

func sessionFields(s *storage.Session) []any {
	return []any{
		&s.ID, (*hash)(&s.Hash), &s.UserID, (*instant)(&s.AuthTime), &s.AMR,
		&s.Remembered, &s.UserAgent, &s.Network,
		(*instant)(&s.CreatedAt), (*instant)(&s.ExpiresAt), (*instant)(&s.EndedAt),
	}
}

const sessionClientColumns = `sc.session_id, sc.client_id, sc.sid, sc.subject, sc.created_at`

func sessionClientFields(c *storage.SessionClient) []any {
	return []any{&c.SessionID, &c.ClientID, &c.SID, &c.Subject, (*instant)(&c.CreatedAt)}
}

const grantColumns = `g.id, g.client_id, g.user_id, g.session_id, g.scopes, g.audience,
	g.auth_time, g.amr, g.created_at, g.expires_at, g.revoked_at, g.subject, g.sid, g.claims`

func grantFields(g *storage.Grant) []any {
	return []any{
		&g.ID, &g.ClientID, (*text)(&g.UserID), (*text)(&g.SessionID),
		&g.Scopes, &g.Audience, (*instant)(&g.AuthTime), &g.AMR,
		(*instant)(&g.CreatedAt), (*instant)(&g.ExpiresAt), (*instant)(&g.RevokedAt),
		&g.Subject, &g.SID, &g.Claims,
	}
}

const codeColumns = `t.hash, t.grant_id, t.redirect_uri, t.code_challenge, t.nonce,
	t.created_at, t.expires_at, t.used_at`

func codeFields(c *storage.Code) []any {
	return []any{
		(*hash)(&c.Hash), &c.GrantID, &c.RedirectURI, &c.CodeChallenge, &c.Nonce,
		(*instant)(&c.CreatedAt), (*instant)(&c.ExpiresAt), (*instant)(&c.UsedAt),
	}
}

const refreshColumns = `t.hash, t.grant_id, t.salt, t.created_at, t.expires_at,
	t.used_at, t.successor, EXISTS (
		SELECT FROM refresh_tokens s WHERE s.hash = t.successor AND s.used_at IS NOT NULL)`

func refreshFields(t *storage.RefreshToken) []any {
	return []any{
		(*hash)(&t.Hash), &t.GrantID, &t.Salt, (*instant)(&t.CreatedAt), (*instant)(&t.ExpiresAt),
		(*instant)(&t.UsedAt), (*hash)(&t.Successor), &t.SuccessorUsed,
	}
}

const accessColumns = `t.hash, t.grant_id, t.scopes, t.audience,
	t.created_at, t.expires_at, t.revoked_at`

func accessFields(t *storage.AccessToken) []any {
	return []any{
		(*hash)(&t.Hash), &t.GrantID, &t.Scopes, &t.Audience,
		(*instant)(&t.CreatedAt), (*instant)(&t.ExpiresAt), (*instant)(&t.RevokedAt),
	}
}

const keyColumns = `id, algorithm, public_jwk, sealed_key, created_at, active_at, retired_at`

func keyFields(k *storage.SigningKey) []any {
	return []any{
		&k.ID, &k.Algorithm, &k.PublicJWK, &k.SealedKey,
		(*instant)(&k.CreatedAt), (*instant)(&k.ActiveAt), (*instant)(&k.RetiredAt),
	}
}

const linkColumns = `t.id, t.hash, t.code_hash, t.purpose, t.user_id, t.email, t.sealed_data,
	t.attempts, t.created_at, t.expires_at, t.used_at`

func linkFields(l *storage.Link) []any {
	return []any{
		&l.ID, (*hash)(&l.Hash), (*hash)(&l.CodeHash), &l.Purpose, (*text)(&l.UserID), &l.Email,
		&l.SealedData, &l.Attempts,
		(*instant)(&l.CreatedAt), (*instant)(&l.ExpiresAt), (*instant)(&l.UsedAt),
	}
}

const activityColumns = `id, user_id, at, event, client_id, network, user_agent`

func activityFields(a *storage.Activity) []any {
	return []any{&a.ID, &a.UserID, (*instant)(&a.At), &a.Event, &a.ClientID, &a.Network, &a.UserAgent}
}

// All of a notice and of a mail may be NULL, see take.
const noticeColumns = `n.id, n.client_id, n.sid, n.subject, n.created_at, coalesce(n.attempts, 0)`

func noticeFields(n *storage.LogoutNotice) []any {
	return []any{
		(*text)(&n.ID), (*text)(&n.ClientID), (*text)(&n.SID), (*text)(&n.Subject),
		(*instant)(&n.CreatedAt), &n.Attempts,
	}
}

const mailColumns = `n.id, n.sealed, n.created_at, n.expires_at, coalesce(n.attempts, 0)`

func mailFields(m *storage.Mail) []any {
	return []any{
		(*text)(&m.ID), &m.Sealed, (*instant)(&m.CreatedAt), (*instant)(&m.ExpiresAt), &m.Attempts,
	}
}

const initialColumns = `id, hash, remaining, created_at, expires_at`

func initialFields(t *storage.InitialAccessToken) []any {
	return []any{
		&t.ID, (*hash)(&t.Hash), &t.Remaining, (*instant)(&t.CreatedAt), (*instant)(&t.ExpiresAt),
	}
}
