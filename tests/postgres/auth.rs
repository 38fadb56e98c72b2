//! Stores behind a pooler, and beside readers that see what was committed before they began.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use covara_diesel::auth::{
    ApiKeyChanges, ApiKeyStore, NewApiKey, Purpose, Rejected, VerificationTokenStore,
};
use covara_diesel::auto_migrate;
use covara_diesel::pool::{self, PoolDriver};
use diesel::prelude::*;
use support::auth::{IDENTIFIER, work};
use support::pgbouncer::PgBouncer;
use support::postgres::TestDb;

use crate::suite::auth::transactions::use_all;
use crate::suite::{count, number};

#[test]
fn the_stores_work_behind_a_transaction_pooler() {
    let db = TestDb::new();
    auto_migrate(&mut db.connect()).unwrap();
    // Two connections to the server for eight clients: each takes turns with others.
    let bouncer = PgBouncer::start("transaction", 2, "");
    let url = bouncer.url(&db.url());
    let token = VerificationTokenStore::new()
        .issue(&mut db.connect(), IDENTIFIER, Purpose::MagicLink)
        .unwrap();
    let barrier = Arc::new(Barrier::new(8));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (url, barrier) = (url.clone(), Arc::clone(&barrier));
            let job = format!("consume:{}", token.expose());
            thread::spawn(move || {
                let pool = pool::postgres(url, PoolDriver::Hyperdrive).unwrap();
                let mut conn = pool.get().unwrap();
                barrier.wait();
                let consumed: usize = work(&mut conn, &job).unwrap().parse().unwrap();
                work(&mut conn, "issue:25").unwrap();
                for n in 0..10 {
                    work(&mut conn, &format!("save:shared {n}")).unwrap();
                }
                consumed
            })
        })
        .collect();
    let consumed: usize = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .sum();
    assert_eq!(consumed, 1);
    let mut conn = db.connect();
    assert_eq!(count(&mut conn, "auth_verification_tokens"), 1);

    let pool = pool::postgres(url, PoolDriver::Hyperdrive).unwrap();
    use_all(&mut pool.get().unwrap());
    pool.get()
        .unwrap()
        .transaction(|conn| {
            use_all(conn);
            QueryResult::Ok(())
        })
        .unwrap();
}

/// Does `first` in a transaction, and commits it once `second`, in another session, waits for it.
/// Returns what came of both.
pub fn beside<A, B: Send + 'static>(
    db: &TestDb,
    first: impl FnOnce(&mut PgConnection) -> A,
    second: impl FnOnce(&mut PgConnection) -> B + Send + 'static,
) -> (A, B) {
    let (mut conn, mut other) = (db.connect(), db.connect());
    let mut observer = db.connect();
    conn.transaction(|conn| {
        let done = first(conn);
        let waiting = thread::spawn(move || second(&mut other));
        let waits = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted";
        while number(&mut observer, waits) == 0 && !waiting.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        QueryResult::Ok((done, waiting))
    })
    .map(|(done, waiting)| (done, waiting.join().unwrap()))
    .unwrap()
}

#[test]
fn no_key_that_is_rotated_meanwhile_survives_the_deletion_of_all() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let store = ApiKeyStore::new();
    let (_, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let ((secret, _), deleted) = beside(
        &db,
        |conn| {
            let rotated = ApiKeyStore::new().rotate(conn, &key.id, ApiKeyChanges::new());
            rotated.unwrap().unwrap()
        },
        |conn| ApiKeyStore::new().delete_for_user(conn, "ada").unwrap(),
    );
    assert_eq!(deleted, 2);
    assert!(store.list_for_user(&mut conn, "ada").unwrap().is_empty());
    let verified = store.verify(&mut conn, secret);
    assert!(matches!(verified, Err(Rejected::NotFound)), "{verified:?}");
}

#[test]
fn no_key_is_rotated_that_is_deleted_meanwhile() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let (_, key) = ApiKeyStore::new()
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let (deleted, rotated) = beside(
        &db,
        |conn| ApiKeyStore::new().delete_for_user(conn, "ada").unwrap(),
        move |conn| {
            let rotated = ApiKeyStore::new().rotate(conn, &key.id, ApiKeyChanges::new());
            rotated.unwrap().is_some()
        },
    );
    assert_eq!((deleted, rotated), (1, false));
    assert_eq!(count(&mut conn, "auth_api_keys"), 0);
}

#[test]
fn no_token_that_is_issued_meanwhile_survives_the_deletion_of_all() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let (_, deleted) = beside(
        &db,
        |conn| {
            let issued = VerificationTokenStore::new().issue(conn, "ada", Purpose::MagicLink);
            issued.unwrap()
        },
        |conn| {
            let deleted = VerificationTokenStore::new().delete_for_identifier(conn, "ada");
            deleted.unwrap()
        },
    );
    assert_eq!(deleted, 1);
    assert_eq!(count(&mut conn, "auth_verification_tokens"), 0);
}
