CREATE TABLE IF NOT EXISTS auth_accounts (
    "userId" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    provider TEXT NOT NULL,
    "providerAccountId" TEXT NOT NULL,
    refresh_token TEXT,
    access_token TEXT,
    expires_at TIMESTAMP,
    token_type TEXT,
    scope TEXT,
    id_token TEXT,
    session_state TEXT,
    PRIMARY KEY (provider, "providerAccountId")
);

CREATE INDEX IF NOT EXISTS auth_account_userId_idx ON auth_accounts ("userId");
