//! Revoked API keys are valid nowhere, for programs that do not read `revokedAt` either.

use covara_diesel::auth::{ApiKeyChanges, ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::SimpleConnection;
use support::node;

use super::api_key_hashes::{add, stored};
use super::{HOUR, Hand, held, migrated};
use crate::backend;

#[test]
fn a_revoked_keys_hash_is_accepted_by_nobody() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    // Ours, one of Covara's, and one of an earlier version of this library.
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI").prefix("my_app"))
        .unwrap();
    let theirs = "00000000000000b1.theirs";
    let hash = node::hash(&[(theirs, [16_384, 8, 1])]).remove(0);
    add(&mut conn, "00000000000000b1", &hash, "");
    let earlier = "00000000000000b2.earlier";
    let sha256 = "sha256$83fdd6f5c4de3c3a7b1e6fe5a0c1e3f6c5f9bd5b4c6a8a7e3f6a1b2c3d4e5f60";
    add(&mut conn, "00000000000000b2", sha256, "");
    let keys = [
        (secret.expose(), key.id.as_str()),
        (theirs, "00000000000000b1"),
    ];
    for (key, id) in keys {
        let before = stored(&mut conn, id);
        assert_eq!(node::check(&[(key.to_owned(), before.clone())]), [true]);
        assert!(store.revoke(&mut conn, id).unwrap());
        let after = stored(&mut conn, id);
        assert_eq!(after, format!("revoked${before}"));
        assert_eq!(node::check(&[(key.to_owned(), after.clone())]), [false]);
        // Again, and nothing changes.
        assert!(!store.revoke(&mut conn, id).unwrap());
        assert_eq!(stored(&mut conn, id), after);
        for (key, revoked) in [(key.to_owned(), true), (format!("{key}x"), false)] {
            match store.verify(&mut conn, &key) {
                Err(Rejected::Revoked) => assert!(revoked, "{key}"),
                Err(Rejected::NotFound) => assert!(!revoked, "{key}"),
                other => panic!("{key}: {other:?}"),
            }
        }
    }
    assert!(matches!(
        store.verify(&mut conn, earlier),
        Err(Rejected::NotFound)
    ));
    assert!(store.revoke(&mut conn, "00000000000000b2").unwrap());
    assert_eq!(
        stored(&mut conn, "00000000000000b2"),
        format!("revoked${sha256}")
    );
    // Whoever clears the time does not bring the key back.
    conn.batch_execute("UPDATE auth_api_keys SET \"revokedAt\" = NULL")
        .unwrap();
    for (key, id) in keys {
        let refused = store.verify(&mut conn, key);
        assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
        let rotated = store.rotate(&mut conn, id, ApiKeyChanges::new()).unwrap();
        assert!(rotated.is_none());
        let marked = stored(&mut conn, id);
        store.revoke(&mut conn, id).unwrap();
        assert_eq!(stored(&mut conn, id), marked, "one mark is enough");
    }
}

#[test]
fn a_rotated_keys_old_hash_is_accepted_by_nobody() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (old_secret, old) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let (secret, new) = store
        .rotate(&mut conn, &old.id, ApiKeyChanges::new())
        .unwrap()
        .unwrap();
    let pairs = [
        (old_secret.expose().to_owned(), stored(&mut conn, &old.id)),
        (secret.expose().to_owned(), stored(&mut conn, &new.id)),
    ];
    assert_eq!(node::check(&pairs), [false, true]);
    assert!(matches!(
        store.verify(&mut conn, &old_secret),
        Err(Rejected::Revoked)
    ));
}

#[test]
fn a_key_that_another_program_revoked_is_closed_by_revoking_it_again() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let hash = stored(&mut conn, &key.id);
    conn.batch_execute(&format!(
        "UPDATE auth_api_keys SET \"revokedAt\" = {}",
        backend::SOME_TIME
    ))
    .unwrap();
    assert!(matches!(
        store.verify(&mut conn, &secret),
        Err(Rejected::Revoked)
    ));
    let before = store.find(&mut conn, &key.id).unwrap();
    hand.advance(HOUR);
    assert!(!store.revoke(&mut conn, &key.id).unwrap());
    assert_eq!(stored(&mut conn, &key.id), format!("revoked${hash}"));
    assert_eq!(store.find(&mut conn, &key.id).unwrap(), before);

    // Expired and revoked, it is told as expired, as it was before.
    let new = NewApiKey::new("ada", "CI").lifetime(HOUR);
    let (secret, key) = store.create(&mut conn, new).unwrap();
    assert_eq!(key.expires_at, Some(held(hand.now() + HOUR)));
    assert!(store.revoke(&mut conn, &key.id).unwrap());
    hand.advance(HOUR);
    assert!(matches!(
        store.verify(&mut conn, &secret),
        Err(Rejected::Expired)
    ));
}
