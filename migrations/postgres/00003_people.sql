-- +goose Up

-- changed_by begins with the key of the write that changed the user last.
ALTER TABLE users
  ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN deletes_at  timestamptz,
  ADD COLUMN changed_by  text;
CREATE INDEX users_deletion ON users (deletes_at) WHERE deletes_at IS NOT NULL;

ALTER TABLE sessions
  ADD COLUMN remembered boolean NOT NULL DEFAULT true,
  ADD COLUMN user_agent text NOT NULL DEFAULT '',
  ADD COLUMN network    text NOT NULL DEFAULT '';

-- granted_at is of the latest scope.
ALTER TABLE consents ADD COLUMN created_at timestamptz;
UPDATE consents SET created_at = granted_at;

-- used_by is, as in codes, the key of the write that used the row last.
CREATE TABLE totps (
  user_id       text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  sealed_secret bytea NOT NULL,
  last_step     bigint NOT NULL,
  used_by       text,
  created_at    timestamptz NOT NULL
);

CREATE TABLE passkeys (
  id              bytea PRIMARY KEY,
  user_id         text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  name            text NOT NULL,
  public_key      bytea NOT NULL,
  aaguid          bytea NOT NULL,
  transports      text[] NOT NULL,
  sign_count      bigint NOT NULL,
  backup_eligible boolean NOT NULL,
  backed_up       boolean NOT NULL,
  created_at      timestamptz NOT NULL,
  last_used_at    timestamptz
);
CREATE INDEX passkeys_user ON passkeys (user_id);

CREATE TABLE recovery_codes (
  user_id text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  hash    bytea NOT NULL,
  used_at timestamptz,
  used_by text,
  PRIMARY KEY (user_id, hash)
);

CREATE TABLE links (
  hash        bytea PRIMARY KEY,
  id          text COLLATE "C" NOT NULL UNIQUE,
  code_hash   bytea,
  purpose     text NOT NULL,
  user_id     text COLLATE "C" REFERENCES users ON DELETE CASCADE,
  email       text NOT NULL,
  sealed_data bytea NOT NULL,
  attempts    integer NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  used_at     timestamptz,
  used_by     text
);
CREATE INDEX links_user ON links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX links_expiry ON links (expires_at);

CREATE TABLE mails (
  id         text COLLATE "C" PRIMARY KEY,
  sealed     bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  next_at    timestamptz NOT NULL,
  attempts   integer NOT NULL DEFAULT 0
);
CREATE INDEX mails_next ON mails (next_at);
CREATE INDEX mails_expiry ON mails (expires_at);

CREATE TABLE activity (
  id         text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  at         timestamptz NOT NULL,
  event      text NOT NULL,
  client_id  text NOT NULL,
  network    text NOT NULL,
  user_agent text NOT NULL
);
CREATE INDEX activity_user ON activity (user_id, at);
CREATE INDEX activity_at ON activity (at);
