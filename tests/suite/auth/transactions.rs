//! The stores inside the caller's transaction and on a pool of one.

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyChanges, ApiKeyStore, NewApiKey, NewSession, Purpose, Rejected,
    Session, SessionStore, VerificationTokenStore,
};
use covara_diesel::{DatabaseConnection, INTERNAL_TABLE_NAMES, auto_migrate};
use diesel::prelude::*;
use diesel::result::Error;

use super::migrated;
use crate::backend;
use crate::suite::count;

/// Uses everything there is.
pub(crate) fn use_all<C: DatabaseConnection>(conn: &mut C) {
    let sessions = SessionStore::new();
    let session = sessions.create(conn, NewSession::new("ada")).unwrap();
    sessions.save(conn, &session).unwrap();
    assert!(sessions.update(conn, &session).unwrap());
    let session = sessions.rename(conn, &session.id).unwrap().unwrap();
    let session = sessions
        .rotate(conn, &session.id, NewSession::new("ada"))
        .unwrap()
        .unwrap();
    assert_eq!(sessions.find(conn, &session.id).unwrap().unwrap(), session);
    assert!(!sessions.touch(conn, &session.id).unwrap());
    assert!(
        sessions
            .list_for_user(conn, "ada")
            .unwrap()
            .contains(&Ok(Session {
                id: sessions.handle(&session.id),
                ..session.clone()
            }))
    );
    sessions
        .delete_for_user(conn, "ada", Some(&session.id))
        .unwrap();
    assert_eq!(
        sessions
            .delete_expired(conn, session.expires_at, 1)
            .unwrap(),
        1
    );

    let accounts = AccountStore::new();
    let account = Account::new("ada", "oauth", "google", "1");
    accounts.link(conn, &account).unwrap();
    assert_eq!(accounts.find(conn, "google", "1").unwrap(), Some(account));

    let keys = ApiKeyStore::new();
    let new = NewApiKey::new("ada", "CI").scopes(["read"]);
    let (old, key) = keys.create(conn, new).unwrap();
    keys.verify(conn, &old).unwrap();
    let (secret, key) = keys
        .rotate(conn, &key.id, ApiKeyChanges::new())
        .unwrap()
        .unwrap();
    assert!(matches!(keys.verify(conn, &old), Err(Rejected::Revoked)));
    keys.verify(conn, &secret).unwrap();
    assert!(keys.revoke(conn, &key.id).unwrap());

    let tokens = VerificationTokenStore::new();
    let first = tokens.issue(conn, "ada", Purpose::PasswordReset).unwrap();
    let second = tokens.issue(conn, "ada", Purpose::PasswordReset).unwrap();
    assert!(
        !tokens
            .consume(conn, "ada", Purpose::PasswordReset, first)
            .unwrap()
    );
    assert!(
        tokens
            .consume(conn, "ada", Purpose::PasswordReset, second)
            .unwrap()
    );
}

#[test]
fn a_rollback_undoes_what_the_stores_did() {
    let (_db, mut conn) = migrated();
    let token = VerificationTokenStore::new()
        .issue(&mut conn, "ada", Purpose::PasswordReset)
        .unwrap();
    let before: Vec<_> = INTERNAL_TABLE_NAMES
        .map(|table| count(&mut conn, table))
        .into();
    let undone = conn.transaction::<(), _, _>(|conn| {
        use_all(conn);
        assert!(
            conn.transaction::<(), _, _>(|conn| {
                use_all(conn);
                Err(Error::RollbackTransaction)
            })
            .is_err()
        );
        Err(Error::RollbackTransaction)
    });
    assert_eq!(undone, Err(Error::RollbackTransaction));
    let after: Vec<_> = INTERNAL_TABLE_NAMES
        .map(|table| count(&mut conn, table))
        .into();
    assert_eq!(after, before);
    assert!(
        VerificationTokenStore::new()
            .consume(&mut conn, "ada", Purpose::PasswordReset, token)
            .unwrap()
    );
}

#[test]
fn a_commit_keeps_what_the_stores_did() {
    let (_db, mut conn) = migrated();
    let (id, secret) = conn
        .transaction(|conn| {
            use_all(conn);
            let id = SessionStore::new()
                .create(conn, NewSession::new("ada"))
                .unwrap()
                .id;
            let (_, key) = ApiKeyStore::new()
                .create(conn, NewApiKey::new("ada", "CI"))
                .unwrap();
            let rotated = ApiKeyStore::new()
                .rotate(conn, &key.id, ApiKeyChanges::new())
                .unwrap();
            QueryResult::Ok((id, rotated.unwrap().0))
        })
        .unwrap();
    assert!(SessionStore::new().find(&mut conn, id).unwrap().is_some());
    assert!(ApiKeyStore::new().verify(&mut conn, secret).is_ok());
}

#[test]
fn a_refusal_leaves_the_callers_transaction_usable() {
    let (_db, mut conn) = migrated();
    let keys = ApiKeyStore::new();
    conn.transaction(|conn| {
        let (secret, key) = keys.create(conn, NewApiKey::new("ada", "CI")).unwrap();
        assert!(
            keys.rotate(conn, "unknown", ApiKeyChanges::new())
                .unwrap()
                .is_none()
        );
        let never = ApiKeyChanges::new().lifetime(std::time::Duration::MAX);
        keys.rotate(conn, &key.id, never).unwrap_err();
        let accounts = AccountStore::new();
        accounts
            .link(conn, &Account::new("ada", "oauth", "google", "1"))
            .unwrap();
        accounts
            .link(conn, &Account::new("eve", "oauth", "google", "1"))
            .unwrap_err();
        SessionStore::new().find(conn, "with\0NUL").unwrap();
        keys.verify(conn, &secret).unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut conn, "auth_api_keys"), 1);
    assert_eq!(count(&mut conn, "auth_accounts"), 1);
}

#[test]
fn the_stores_need_one_pooled_connection_only() {
    let db = backend::TestDb::new();
    let pool = backend::pool_of_one(&db.url());
    assert_eq!(pool.max_size(), 1);
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    for _ in 0..3 {
        use_all(&mut pool.get().unwrap());
        pool.get()
            .unwrap()
            .transaction(|conn| {
                use_all(conn);
                QueryResult::Ok(())
            })
            .unwrap();
    }
}
