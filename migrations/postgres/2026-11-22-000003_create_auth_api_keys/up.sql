CREATE TABLE IF NOT EXISTS auth_api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    "userId" TEXT NOT NULL,
    name TEXT NOT NULL,
    "keyHash" TEXT NOT NULL,
    "keyPrefix" TEXT NOT NULL,
    scopes JSONB,
    "createdAt" TIMESTAMP NOT NULL,
    "expiresAt" TIMESTAMP,
    "lastUsedAt" TIMESTAMP,
    "revokedAt" TIMESTAMP
);

CREATE INDEX IF NOT EXISTS auth_api_key_userId_idx ON auth_api_keys ("userId");

CREATE INDEX IF NOT EXISTS auth_api_key_prefix_idx ON auth_api_keys ("keyPrefix");
