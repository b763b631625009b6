-- +goose Up

-- Times are microseconds since 1970, hashes SHA-256, lists and documents JSON.
-- Codes and tokens hang on a grant, the unit of revocation, and go with it.

CREATE TABLE clients (
  id          TEXT PRIMARY KEY,
  secret_hash BLOB,
  metadata    TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  identifiers   TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  claims        TEXT NOT NULL,
  disabled_at   INTEGER,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The unique index over users.identifiers.
CREATE TABLE user_identifiers (
  identifier TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX user_identifiers_user ON user_identifiers (user_id);

CREATE TABLE sessions (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  user_id    TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  auth_time  INTEGER NOT NULL,
  amr        TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- session_id is no foreign key: a grant for offline_access outlives its session.
CREATE TABLE grants (
  id         TEXT PRIMARY KEY,
  client_id  TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
  user_id    TEXT REFERENCES users ON DELETE CASCADE,
  session_id TEXT,
  scopes     TEXT NOT NULL,
  audience   TEXT NOT NULL,
  auth_time  INTEGER,
  amr        TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_user ON grants (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX grants_session ON grants (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX grants_expiry ON grants (expires_at);

-- used_by is the key of the write that consumed the row: the same write, sent
-- again because its answer was lost, is let through.
CREATE TABLE codes (
  hash           BLOB PRIMARY KEY,
  grant_id       TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
  redirect_uri   TEXT NOT NULL,
  code_challenge TEXT NOT NULL,
  nonce          TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  used_at        INTEGER,
  used_by        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_grant ON codes (grant_id);
CREATE INDEX codes_expiry ON codes (expires_at);

-- A used refresh token stays as long as its grant, to recognise its reuse.
CREATE TABLE refresh_tokens (
  hash       BLOB PRIMARY KEY,
  grant_id   TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
  salt       BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER,
  used_by    TEXT,
  successor  BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);

CREATE TABLE access_tokens (
  hash       BLOB PRIMARY KEY,
  grant_id   TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
  scopes     TEXT NOT NULL,
  audience   TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);

CREATE TABLE assertions (
  client_id  TEXT NOT NULL,
  jti        BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  used_by    TEXT NOT NULL,
  PRIMARY KEY (client_id, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX assertions_expiry ON assertions (expires_at);

CREATE TABLE revoked_tokens (
  jti        TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

CREATE TABLE consents (
  user_id    TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  client_id  TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
  scopes     TEXT NOT NULL,
  granted_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE attempts (
  key        TEXT PRIMARY KEY,
  count      INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_expiry ON attempts (expires_at);

CREATE TABLE resource_servers (
  identifier TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  client_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scopes (
  name            TEXT PRIMARY KEY,
  description     TEXT NOT NULL,
  resource_server TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
  id         TEXT PRIMARY KEY,
  algorithm  TEXT NOT NULL,
  public_jwk BLOB NOT NULL,
  sealed_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  active_at  INTEGER NOT NULL,
  retired_at INTEGER
) STRICT, WITHOUT ROWID;
-- One newest key of each algorithm, however many nodes rotate at once.
CREATE UNIQUE INDEX signing_keys_newest ON signing_keys (algorithm) WHERE retired_at IS NULL;
