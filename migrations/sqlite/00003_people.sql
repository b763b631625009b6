-- +goose Up

ALTER TABLE users ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN deletes_at INTEGER;
-- The key of the write that changed the user last.
ALTER TABLE users ADD COLUMN changed_by TEXT;
CREATE INDEX users_deletion ON users (deletes_at) WHERE deletes_at IS NOT NULL;

ALTER TABLE sessions ADD COLUMN remembered INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN network TEXT NOT NULL DEFAULT '';

-- granted_at is of the latest scope.
ALTER TABLE consents ADD COLUMN created_at INTEGER;
UPDATE consents SET created_at = granted_at;

-- used_by is, as in codes, the key of the write that used the row last.
CREATE TABLE totps (
  user_id       TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  sealed_secret BLOB NOT NULL,
  last_step     INTEGER NOT NULL,
  used_by       TEXT,
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE passkeys (
  id              BLOB PRIMARY KEY,
  user_id         TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  name            TEXT NOT NULL,
  public_key      BLOB NOT NULL,
  aaguid          BLOB NOT NULL,
  transports      TEXT NOT NULL,
  sign_count      INTEGER NOT NULL,
  backup_eligible INTEGER NOT NULL,
  backed_up       INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  last_used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_user ON passkeys (user_id);

CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  hash    BLOB NOT NULL,
  used_at INTEGER,
  used_by TEXT,
  PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
  hash        BLOB PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  code_hash   BLOB,
  purpose     TEXT NOT NULL,
  user_id     TEXT REFERENCES users ON DELETE CASCADE,
  email       TEXT NOT NULL,
  sealed_data BLOB NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER,
  used_by     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX links_user ON links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX links_expiry ON links (expires_at);

CREATE TABLE mails (
  id         TEXT PRIMARY KEY,
  sealed     BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  next_at    INTEGER NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX mails_next ON mails (next_at);
CREATE INDEX mails_expiry ON mails (expires_at);

CREATE TABLE activity (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  at         INTEGER NOT NULL,
  event      TEXT NOT NULL,
  client_id  TEXT NOT NULL,
  network    TEXT NOT NULL,
  user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_user ON activity (user_id, at);
CREATE INDEX activity_at ON activity (at);
