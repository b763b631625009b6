-- +goose Up

-- Hashes are SHA-256. Codes and tokens hang on a grant, the unit of revocation,
-- and go with it. Ids sort by bytes, as in Go.

CREATE TABLE clients (
  id          text COLLATE "C" PRIMARY KEY,
  secret_hash bytea,
  metadata    jsonb NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);

CREATE TABLE users (
  id            text COLLATE "C" PRIMARY KEY,
  identifiers   text[] NOT NULL,
  password_hash text NOT NULL,
  claims        jsonb NOT NULL,
  disabled_at   timestamptz,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

-- The unique index over users.identifiers.
CREATE TABLE user_identifiers (
  identifier text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE
);
CREATE INDEX user_identifiers_user ON user_identifiers (user_id);

CREATE TABLE sessions (
  id         text COLLATE "C" PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  auth_time  timestamptz NOT NULL,
  amr        text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at   timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- session_id is no foreign key: a grant for offline_access outlives its session.
CREATE TABLE grants (
  id         text COLLATE "C" PRIMARY KEY,
  client_id  text COLLATE "C" NOT NULL REFERENCES clients ON DELETE CASCADE,
  user_id    text COLLATE "C" REFERENCES users ON DELETE CASCADE,
  session_id text COLLATE "C",
  scopes     text[] NOT NULL,
  audience   text[] NOT NULL,
  auth_time  timestamptz,
  amr        text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_user ON grants (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX grants_session ON grants (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX grants_expiry ON grants (expires_at);

-- used_by is the key of the write that consumed the row: the same write, sent
-- again because its answer was lost, is let through. The free space keeps that
-- update on the row's page, so that it touches no index.
CREATE TABLE codes (
  hash           bytea PRIMARY KEY,
  grant_id       text COLLATE "C" NOT NULL REFERENCES grants ON DELETE CASCADE,
  redirect_uri   text NOT NULL,
  code_challenge text NOT NULL,
  nonce          text NOT NULL,
  created_at     timestamptz NOT NULL,
  expires_at     timestamptz NOT NULL,
  used_at        timestamptz,
  used_by        text
) WITH (fillfactor = 70);
CREATE INDEX codes_grant ON codes (grant_id);
CREATE INDEX codes_expiry ON codes (expires_at);

-- A used refresh token stays as long as its grant, to recognise its reuse.
CREATE TABLE refresh_tokens (
  hash       bytea PRIMARY KEY,
  grant_id   text COLLATE "C" NOT NULL REFERENCES grants ON DELETE CASCADE,
  salt       bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz,
  used_by    text,
  successor  bytea
) WITH (fillfactor = 70);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);

CREATE TABLE access_tokens (
  hash       bytea PRIMARY KEY,
  grant_id   text COLLATE "C" NOT NULL REFERENCES grants ON DELETE CASCADE,
  scopes     text[] NOT NULL,
  audience   text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX access_tokens_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);

CREATE TABLE assertions (
  client_id  text COLLATE "C" NOT NULL,
  jti        bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  used_by    text NOT NULL,
  PRIMARY KEY (jti, client_id)
);
CREATE INDEX assertions_expiry ON assertions (expires_at);

CREATE TABLE revoked_tokens (
  jti        text COLLATE "C" PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

CREATE TABLE consents (
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  client_id  text COLLATE "C" NOT NULL REFERENCES clients ON DELETE CASCADE,
  scopes     text[] NOT NULL,
  granted_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE attempts (
  key        text COLLATE "C" PRIMARY KEY,
  count      integer NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX attempts_expiry ON attempts (expires_at);

CREATE TABLE resource_servers (
  identifier text COLLATE "C" PRIMARY KEY,
  name       text NOT NULL,
  client_id  text NOT NULL
);

CREATE TABLE scopes (
  name            text COLLATE "C" PRIMARY KEY,
  description     text NOT NULL,
  resource_server text NOT NULL
);

CREATE TABLE signing_keys (
  id         text COLLATE "C" PRIMARY KEY,
  algorithm  text NOT NULL,
  public_jwk bytea NOT NULL,
  sealed_key bytea NOT NULL,
  created_at timestamptz NOT NULL,
  active_at  timestamptz NOT NULL,
  retired_at timestamptz
);
-- One newest key of each algorithm, however many nodes rotate at once.
CREATE UNIQUE INDEX signing_keys_newest ON signing_keys (algorithm) WHERE retired_at IS NULL;

-- What a resource server may be granted SELECT on: the people who can sign in,
-- and nothing that helps to do so.
CREATE VIEW user_profiles WITH (security_barrier) AS
SELECT
  id AS sub,
  claims->>'name' AS name,
  claims->>'given_name' AS given_name,
  claims->>'family_name' AS family_name,
  claims->>'middle_name' AS middle_name,
  claims->>'nickname' AS nickname,
  claims->>'preferred_username' AS preferred_username,
  claims->>'profile' AS profile,
  claims->>'picture' AS picture,
  claims->>'website' AS website,
  claims->>'email' AS email,
  coalesce((claims->>'email_verified')::boolean, false) AS email_verified,
  claims->>'gender' AS gender,
  claims->>'birthdate' AS birthdate,
  claims->>'zoneinfo' AS zoneinfo,
  claims->>'locale' AS locale,
  claims->>'phone_number' AS phone_number,
  coalesce((claims->>'phone_number_verified')::boolean, false) AS phone_number_verified,
  claims->'address' AS address,
  updated_at
FROM users
WHERE disabled_at IS NULL;

COMMENT ON VIEW user_profiles IS
  'The standard claims of OpenID Connect Core 5.1 of every person who can sign in, by sub. Stable: resource servers may be granted SELECT.';
