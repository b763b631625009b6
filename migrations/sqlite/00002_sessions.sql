-- +goose Up

-- A client that registered itself has a token to manage itself with, and goes
-- again unless it is used.
ALTER TABLE clients ADD COLUMN registration_hash BLOB;
ALTER TABLE clients ADD COLUMN expires_at INTEGER;
CREATE INDEX clients_expiry ON clients (expires_at) WHERE expires_at IS NOT NULL;

-- A column that is added can have no random default: who inserts gives the salt.
ALTER TABLE users ADD COLUMN pairwise_salt BLOB NOT NULL DEFAULT x'';
UPDATE users SET pairwise_salt = randomblob(16);

ALTER TABLE grants ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN claims TEXT NOT NULL DEFAULT '';

CREATE TABLE session_clients (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
  client_id  TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
  sid        TEXT NOT NULL UNIQUE,
  subject    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (session_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_clients_client ON session_clients (client_id);

-- The outbox of back-channel logouts. The session and the person may be gone. The
-- id is the sid: a session ends once.
CREATE TABLE logout_notices (
  id         TEXT PRIMARY KEY,
  client_id  TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
  sid        TEXT NOT NULL,
  subject    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  next_at    INTEGER NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_notices_client ON logout_notices (client_id);
CREATE INDEX logout_notices_next ON logout_notices (next_at);
CREATE INDEX logout_notices_expiry ON logout_notices (expires_at);

CREATE TABLE initial_access_tokens (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  remaining  INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX initial_access_tokens_expiry ON initial_access_tokens (expires_at);
