//! The note of a key's use is a courtesy: no check fails or waits because of it.

use std::time::{Duration, Instant};

use covara_diesel::Dialect;
use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;

use super::migrated;
use crate::backend::{self, Conn};
use crate::suite::number;

/// Returns the statements that keep others from writing a key, but not from reading it.
fn locks() -> &'static [&'static str] {
    match backend::DIALECT {
        Dialect::Sqlite => &["BEGIN IMMEDIATE"],
        Dialect::Postgres => &[
            "BEGIN; UPDATE auth_api_keys SET name = name",
            "BEGIN; LOCK auth_api_keys IN SHARE MODE",
        ],
    }
}

/// Longer than any test may take, so that who waits for locks is seen to.
const PATIENT: &str = match backend::DIALECT {
    Dialect::Sqlite => "PRAGMA busy_timeout = 120000",
    Dialect::Postgres => "SET lock_timeout = 120000",
};

fn noted(conn: &mut Conn) -> i64 {
    number(conn, "SELECT count(\"lastUsedAt\") AS n FROM auth_api_keys")
}

#[test]
fn a_check_does_not_wait_for_writers() {
    for lock in locks() {
        let (db, mut conn) = migrated();
        let store = ApiKeyStore::new();
        let new = |name| NewApiKey::new("ada", name);
        let (secret, key) = store.create(&mut conn, new("good")).unwrap();
        let (revoked, id) = store.create(&mut conn, new("revoked")).unwrap();
        assert!(store.revoke(&mut conn, id.id).unwrap());
        conn.batch_execute(PATIENT).unwrap();
        let patience = backend::lock_wait(&mut conn);

        let mut writer = db.connect();
        writer.batch_execute(lock).unwrap();
        let begun = Instant::now();
        let found = store.verify(&mut conn, &secret).unwrap();
        let refused = store.verify(&mut conn, &revoked);
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(60), "{lock}: {waited:?}");
        assert_eq!((found.id, found.last_used_at), (key.id, None));
        assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
        assert_eq!(backend::lock_wait(&mut conn), patience, "{lock}");

        // In a transaction of the caller's, which goes on.
        conn.transaction(|conn| {
            assert_eq!(store.verify(conn, &secret).unwrap().last_used_at, None);
            assert_eq!(backend::lock_wait(conn), patience, "{lock}");
            diesel::sql_query("SELECT 1").execute(conn)
        })
        .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "{lock}");

        writer.batch_execute("COMMIT").unwrap();
        let found = store.verify(&mut conn, &secret).unwrap();
        assert!(found.last_used_at.is_some(), "{lock}");
        assert_eq!(noted(&mut conn), 1, "{lock}");
    }
}

#[test]
fn a_check_needs_no_right_to_write() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let mut reader = backend::read_only(&db);
    let found = store.verify(&mut reader, &secret).unwrap();
    assert_eq!((&found.id, found.last_used_at), (&key.id, None));
    reader
        .transaction(|reader| {
            assert!(store.verify(reader, &secret).is_ok());
            diesel::sql_query("SELECT 1").execute(reader)
        })
        .unwrap();
    store.revoke(&mut conn, &key.id).unwrap();
    let refused = store.verify(&mut reader, &secret);
    assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
}

#[test]
fn noting_a_use_joins_a_transaction_begun_by_sql() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, _) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    conn.batch_execute("BEGIN").unwrap();
    store
        .create(&mut conn, NewApiKey::new("ada", "undone"))
        .unwrap();
    let found = store.verify(&mut conn, &secret).unwrap();
    assert!(found.last_used_at.is_some());
    let wait = backend::lock_wait(&mut conn);
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(backend::lock_wait(&mut conn), wait);
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS n FROM auth_api_keys"),
        1
    );
    assert_eq!(noted(&mut conn), 0);
}

#[test]
fn no_use_is_noted_with_an_endless_use_window() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new().use_window(Duration::MAX);
    let (secret, _) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let queries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&queries);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(store.verify(&mut conn, &secret).unwrap().last_used_at, None);
    assert_eq!(queries.load(Ordering::Relaxed), 1);
    assert_eq!(noted(&mut conn), 0);
}

/// Whatever the id of a key is, as other programs may choose it.
#[test]
fn uses_are_noted_of_ids_with_characters_special_to_sql() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    for id in [
        "o'clock",
        "back\\slash",
        "$covara$",
        "; DROP TABLE x; --",
        "日本 🗝",
    ] {
        let (secret, key) = store
            .create(&mut conn, NewApiKey::new("ada", "CI"))
            .unwrap();
        // With the hash of the key that has this id in the place of its own.
        let tail = secret.expose().rsplit_once('.').unwrap().1;
        let renamed = format!("{id}.{tail}");
        let hash = support::node::hash(&[(&renamed, [4, 1, 1])]).remove(0);
        use crate::backend::schema::auth_api_keys::dsl;
        diesel::update(dsl::auth_api_keys.find(&key.id))
            .set((dsl::id.eq(id), dsl::key_hash.eq(hash)))
            .execute(&mut conn)
            .unwrap();
        let found = store.verify(&mut conn, &renamed).unwrap();
        assert!(found.last_used_at.is_some(), "{id}");
    }
    assert_eq!(noted(&mut conn), 5);
}
