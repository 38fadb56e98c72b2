//! Removing what has expired from all tables.

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore,
    VerificationTokenStore, purge,
};
use covara_diesel::{Dialect, INTERNAL_TABLE_NAMES};
use diesel::connection::SimpleConnection;

use super::{HOUR, migrated};
use crate::backend;
use crate::suite::count;

#[test]
fn purge_removes_expired_rows_only() {
    let (_db, mut conn) = migrated();
    let now = chrono::Utc::now();
    let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
    let (accounts, tokens) = (AccountStore::new(), VerificationTokenStore::new());
    let mut live = Vec::new();
    for lifetime in [std::time::Duration::ZERO, HOUR] {
        let is_live = lifetime > std::time::Duration::ZERO;
        let new = NewSession::new("ada").lifetime(lifetime);
        let session = sessions.create(&mut conn, new).unwrap();
        let new = NewApiKey::new("ada", "CI").expires_at(now + lifetime);
        let (secret, _) = keys.create(&mut conn, new).unwrap();
        let token = tokens
            .clone()
            .lifetime(lifetime)
            .issue(&mut conn, format!("{is_live}"), Purpose::MagicLink)
            .unwrap();
        let account = Account {
            refresh_token: Some("refresh".into()),
            access_token: Some("access".into()),
            expires_at: Some(now + lifetime),
            ..Account::new("ada", "oauth", "google", is_live.to_string())
        };
        accounts.link(&mut conn, &account).unwrap();
        live.push((session, secret, token));
    }
    // For ever.
    let (for_ever, _) = keys.create(&mut conn, NewApiKey::new("ada", "CI")).unwrap();
    let account = Account {
        access_token: Some("access".into()),
        ..Account::new("ada", "oauth", "google", "for ever")
    };
    accounts.link(&mut conn, &account).unwrap();

    let purged = purge(&mut conn).unwrap();
    let counts = (purged.sessions, purged.access_tokens, purged.api_keys);
    assert_eq!((counts, purged.verification_tokens), ((1, 1, 1), 1));
    assert_eq!(purged.total(), 4);
    assert_eq!(purge(&mut conn).unwrap(), Default::default());

    let (session, secret, token) = live.pop().unwrap();
    assert!(sessions.find(&mut conn, &session.id).unwrap().is_some());
    keys.verify(&mut conn, &secret).unwrap();
    keys.verify(&mut conn, &for_ever).unwrap();
    let purpose = Purpose::MagicLink;
    assert!(tokens.consume(&mut conn, "true", purpose, &token).unwrap());
    for (name, has_token) in [("false", false), ("true", true), ("for ever", true)] {
        let account = accounts.find(&mut conn, "google", name).unwrap().unwrap();
        assert_eq!(account.access_token.is_some(), has_token, "{name}");
        assert_eq!(account.refresh_token.is_some(), name != "for ever");
    }
}

#[test]
fn purge_removes_many_rows_in_batches() {
    let (_db, mut conn) = migrated();
    let series = match backend::DIALECT {
        Dialect::Sqlite => {
            "WITH RECURSIVE s (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < 2500)"
        }
        Dialect::Postgres => "WITH s (n) AS (SELECT generate_series(1, 2500))",
    };
    let time = backend::SOME_TIME;
    conn.batch_execute(&format!(
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\")
         {series} SELECT 'session ' || n, 'ada', {time}, {time} FROM s;
         INSERT INTO auth_verification_tokens (identifier, token, expires)
         {series} SELECT 'ada ' || n, 'token', {time} FROM s"
    ))
    .unwrap();
    let purged = purge(&mut conn).unwrap();
    assert_eq!((purged.sessions, purged.verification_tokens), (2500, 2500));
    for table in INTERNAL_TABLE_NAMES {
        assert_eq!(count(&mut conn, table), 0);
    }
}
