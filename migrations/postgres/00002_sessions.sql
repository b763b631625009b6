-- +goose Up

-- A client that registered itself has a token to manage itself with, and goes
-- again unless it is used.
ALTER TABLE clients
  ADD COLUMN registration_hash bytea,
  ADD COLUMN expires_at        timestamptz;
CREATE INDEX clients_expiry ON clients (expires_at) WHERE expires_at IS NOT NULL;

-- A UUID has 122 random bits: the hash of two has 128.
ALTER TABLE users ADD COLUMN pairwise_salt bytea NOT NULL DEFAULT substring(
  sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM 1 FOR 16);

ALTER TABLE grants
  ADD COLUMN subject text NOT NULL DEFAULT '',
  ADD COLUMN sid     text NOT NULL DEFAULT '',
  ADD COLUMN claims  text NOT NULL DEFAULT '';

-- ended_by is the key of the write that ended the session, which finds by it what
-- else it has to end.
ALTER TABLE sessions ADD COLUMN ended_by text;

CREATE TABLE session_clients (
  session_id text COLLATE "C" NOT NULL REFERENCES sessions ON DELETE CASCADE,
  client_id  text COLLATE "C" NOT NULL REFERENCES clients ON DELETE CASCADE,
  sid        text COLLATE "C" NOT NULL UNIQUE,
  subject    text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_client ON session_clients (client_id);

-- The outbox of back-channel logouts. The session and the person may be gone. The
-- id is the sid: a session ends once.
CREATE TABLE logout_notices (
  id         text COLLATE "C" PRIMARY KEY,
  client_id  text COLLATE "C" NOT NULL REFERENCES clients ON DELETE CASCADE,
  sid        text NOT NULL,
  subject    text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  next_at    timestamptz NOT NULL,
  attempts   integer NOT NULL DEFAULT 0
);
CREATE INDEX logout_notices_client ON logout_notices (client_id);
CREATE INDEX logout_notices_next ON logout_notices (next_at);
CREATE INDEX logout_notices_expiry ON logout_notices (expires_at);

CREATE TABLE initial_access_tokens (
  id         text COLLATE "C" PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  remaining  integer NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX initial_access_tokens_expiry ON initial_access_tokens (expires_at);
