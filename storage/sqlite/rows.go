package sqlite

import "github.com/gatelodge/gatelodge/storage"

// The columns of each table, and the fields they scan into, in the same order.

const clientColumns = `clients.id, secret_hash, metadata, registration_hash, clients.expires_at,
	clients.created_at, clients.updated_at`

func clientFields(c *storage.Client) []any {
	return []any{
		&c.ID, &c.SecretHash,
		document{&c.Metadata},
		(*hash)(&c.RegistrationHash), (*micros)(&c.ExpiresAt),
		(*micros)(&c.CreatedAt), (*micros)(&c.UpdatedAt),
	}
}

const userColumns = `users.id, identifiers, password_hash, pairwise_salt, claims, preferences,
	disabled_at, deletes_at, users.created_at, updated_at`

func userFields(u *storage.User) []any {
	return []any{
		&u.ID, (*list)(&u.Identifiers), &u.PasswordHash, &u.PairwiseSalt,
		document{&u.Claims},
		document{&u.Preferences},
		(*micros)(&u.DisabledAt), (*micros)(&u.DeletesAt), (*micros)(&u.CreatedAt), (*micros)(&u.UpdatedAt),
	}
}

const sessionColumns = `sessions.id, hash, user_id, auth_time, amr,
	remembered, user_agent, network,
	sessions.created_at, expires_at, ended_at`

func sessionFields(s *storage.Session) []any {
	return []any{
		&s.ID, (*hash)(&s.Hash), &s.UserID, (*micros)(&s.AuthTime), (*list)(&s.AMR),
		&s.Remembered, &s.UserAgent, &s.Network,
		(*micros)(&s.CreatedAt), (*micros)(&s.ExpiresAt), (*micros)(&s.EndedAt),
	}
}

const sessionClientColumns = `session_id, client_id, sid, subject, session_clients.created_at`

func sessionClientFields(c *storage.SessionClient) []any {
	return []any{&c.SessionID, &c.ClientID, &c.SID, &c.Subject, (*micros)(&c.CreatedAt)}
}

const grantColumns = `id, client_id, user_id, session_id, scopes, audience,
	auth_time, amr, created_at, expires_at, revoked_at, subject, sid, claims`

func grantFields(g *storage.Grant) []any {
	return []any{
		&g.ID, &g.ClientID, (*text)(&g.UserID), (*text)(&g.SessionID),
		(*list)(&g.Scopes), (*list)(&g.Audience), (*micros)(&g.AuthTime), (*list)(&g.AMR),
		(*micros)(&g.CreatedAt), (*micros)(&g.ExpiresAt), (*micros)(&g.RevokedAt),
		&g.Subject, &g.SID, &g.Claims,
	}
}

const codeColumns = `hash, grant_id, redirect_uri, code_challenge, nonce,
	created_at, expires_at, used_at`

func codeFields(c *storage.Code) []any {
	return []any{
		(*hash)(&c.Hash), &c.GrantID, &c.RedirectURI, &c.CodeChallenge, &c.Nonce,
		(*micros)(&c.CreatedAt), (*micros)(&c.ExpiresAt), (*micros)(&c.UsedAt),
	}
}

const refreshColumns = `t.hash, t.grant_id, t.salt, t.created_at, t.expires_at,
	t.used_at, t.successor, s.used_at IS NOT NULL`

func refreshFields(t *storage.RefreshToken) []any {
	return []any{
		(*hash)(&t.Hash), &t.GrantID, &t.Salt, (*micros)(&t.CreatedAt), (*micros)(&t.ExpiresAt),
		(*micros)(&t.UsedAt), (*hash)(&t.Successor), &t.SuccessorUsed,
	}
}

const accessColumns = `hash, grant_id, scopes, audience, created_at, expires_at, revoked_at`

func accessFields(t *storage.AccessToken) []any {
	return []any{
		(*hash)(&t.Hash), &t.GrantID, (*list)(&t.Scopes), (*list)(&t.Audience),
		(*micros)(&t.CreatedAt), (*micros)(&t.ExpiresAt), (*micros)(&t.RevokedAt),
	}
}

const keyColumns = `id, algorithm, public_jwk, sealed_key, created_at, active_at, retired_at`

func keyFields(k *storage.SigningKey) []any {
	return []any{
		&k.ID, &k.Algorithm, &k.PublicJWK, &k.SealedKey,
		(*micros)(&k.CreatedAt), (*micros)(&k.ActiveAt), (*micros)(&k.RetiredAt),
	}
}

const noticeColumns = `id, client_id, sid, subject, created_at, attempts`

func noticeFields(n *storage.LogoutNotice) []any {
	return []any{&n.ID, &n.ClientID, &n.SID, &n.Subject, (*micros)(&n.CreatedAt), &n.Attempts}
}

const mailColumns = `id, sealed, created_at, expires_at, attempts`

func mailFields(m *storage.Mail) []any {
	return []any{&m.ID, &m.Sealed, (*micros)(&m.CreatedAt), (*micros)(&m.ExpiresAt), &m.Attempts}
}

const linkColumns = `id, hash, code_hash, purpose, user_id, email, sealed_data,
	attempts, created_at, expires_at, used_at`

func linkFields(l *storage.Link) []any {
	return []any{
		&l.ID, (*hash)(&l.Hash), (*hash)(&l.CodeHash), &l.Purpose, (*text)(&l.UserID), &l.Email,
		&l.SealedData, &l.Attempts,
		(*micros)(&l.CreatedAt), (*micros)(&l.ExpiresAt), (*micros)(&l.UsedAt),
	}
}

const totpColumns = `user_id, sealed_secret, last_step, created_at`

func totpFields(t *storage.TOTP) []any {
	return []any{&t.UserID, &t.SealedSecret, &t.LastStep, (*micros)(&t.CreatedAt)}
}

//nolint:gosec // no credential of ours
const passkeyColumns = `id, user_id, name, public_key, aaguid, transports, sign_count,
	backup_eligible, backed_up, created_at, last_used_at`

func passkeyFields(p *storage.Passkey) []any {
	return []any{
		&p.ID, &p.UserID, &p.Name, &p.PublicKey, &p.AAGUID, (*list)(&p.Transports), &p.SignCount,
		&p.BackupEligible, &p.BackedUp, (*micros)(&p.CreatedAt), (*micros)(&p.LastUsedAt),
	}
}

const activityColumns = `id, user_id, at, event, client_id, network, user_agent`

func activityFields(a *storage.Activity) []any {
	return []any{&a.ID, &a.UserID, (*micros)(&a.At), &a.Event, &a.ClientID, &a.Network, &a.UserAgent}
}

const initialColumns = `id, hash, remaining, created_at, expires_at`

func initialFields(t *storage.InitialAccessToken) []any {
	return []any{
		&t.ID, (*hash)(&t.Hash), &t.Remaining, (*micros)(&t.CreatedAt), (*micros)(&t.ExpiresAt),
	}
}
