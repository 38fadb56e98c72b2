//! API keys.

use std::time::Duration;

use covara_diesel::auth::{ApiKeyChanges, ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;

use super::{HOUR, Hand, MINUTE, SECOND, held, migrated};
use crate::backend::{self, schema::auth_api_keys::dsl};
use crate::suite::number;

#[test]
fn a_key_has_covaras_format_and_only_its_hash_is_stored() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    for prefix in [None, Some("my_app"), Some("v1.live"), Some("_"), Some("")] {
        let mut new = NewApiKey::new("ada", "CI");
        if let Some(prefix) = prefix {
            new = new.prefix(prefix);
        }
        let (secret, key) = store.create(&mut conn, new).unwrap();
        let (head, tail) = secret.expose().rsplit_once('.').unwrap();
        assert_eq!(tail.len(), 32);
        assert_eq!(key.id.len(), 16);
        assert!(
            key.id
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
        let expected = match prefix {
            Some("") | None => key.id.clone(),
            Some(prefix) => format!("{prefix}_{}", key.id),
        };
        assert_eq!((head, &key.key_prefix), (expected.as_str(), &expected));
        assert_eq!(
            store.verify(&mut conn, &secret).unwrap().id,
            key.id,
            "{prefix:?}"
        );
        assert!(!format!("{secret:?}").contains(tail));
    }
    let stored: Vec<String> = dsl::auth_api_keys
        .select(dsl::key_hash)
        .load(&mut conn)
        .unwrap();
    assert!(
        stored
            .iter()
            .all(|hash| hash.starts_with("scrypt$N=4,r=1,p=1$")),
        "{stored:?}"
    );
}

#[test]
fn a_key_matches_only_exactly() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI").prefix("my_app"))
        .unwrap();
    let secret = secret.expose();
    let (head, tail) = secret.rsplit_once('.').unwrap();
    let wrong = [
        String::new(),
        ".".to_owned(),
        "abc".to_owned(),
        ".x".to_owned(),
        "id.".to_owned(),
        format!("{}.", key.id),
        format!("{head}."),
        format!("{}.{tail}", key.id),
        format!("app_{}.{tail}", key.id),
        format!("other_{secret}"),
        format!("{head}.{}", tail.to_uppercase()),
        format!("{secret} "),
        format!("{secret}\0"),
        format!("{head}.{tail}x"),
        format!("my_app_0000000000000000.{tail}"),
    ];
    for wrong in wrong {
        let refused = store.verify(&mut conn, &wrong);
        assert!(
            matches!(refused, Err(Rejected::NotFound)),
            "{wrong:?}: {refused:?}"
        );
    }
    store.verify(&mut conn, secret).unwrap();
}

#[test]
fn expired_and_revoked_keys_stay_invalid() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let (at, _) = store
        .create(
            &mut conn,
            NewApiKey::new("ada", "at").expires_at(hand.now() + HOUR),
        )
        .unwrap();
    let (after, key) = store
        .create(&mut conn, NewApiKey::new("ada", "after").lifetime(HOUR))
        .unwrap();
    assert_eq!(key.expires_at, Some(held(hand.now() + HOUR)));
    hand.advance(HOUR - SECOND);
    store.verify(&mut conn, &at).unwrap();
    store.verify(&mut conn, &after).unwrap();
    hand.advance(SECOND);
    for secret in [&at, &after] {
        assert!(matches!(
            store.verify(&mut conn, secret),
            Err(Rejected::Expired)
        ));
    }
    let wrong = format!("{}.{}", key.id, "x".repeat(32));
    assert!(
        matches!(store.verify(&mut conn, wrong), Err(Rejected::NotFound)),
        "not told that it ended"
    );

    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "revoked"))
        .unwrap();
    assert!(store.revoke(&mut conn, &key.id).unwrap());
    assert!(!store.revoke(&mut conn, &key.id).unwrap());
    assert!(!store.revoke(&mut conn, "unknown").unwrap());
    assert!(matches!(
        store.verify(&mut conn, &secret),
        Err(Rejected::Revoked)
    ));
    let revoked = store.find(&mut conn, &key.id).unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(held(hand.now())));
    assert_eq!(revoked.last_used_at, None);
}

#[test]
fn use_is_noted_at_most_once_a_minute() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    assert_eq!(key.last_used_at, None);
    let first = held(hand.now());
    assert_eq!(
        store.verify(&mut conn, &secret).unwrap().last_used_at,
        Some(first)
    );
    hand.advance(MINUTE - SECOND);
    assert_eq!(
        store.verify(&mut conn, &secret).unwrap().last_used_at,
        Some(first)
    );
    assert_eq!(
        store
            .find(&mut conn, &key.id)
            .unwrap()
            .unwrap()
            .last_used_at,
        Some(first)
    );
    hand.advance(2 * SECOND);
    let second = held(hand.now());
    assert_eq!(
        store.verify(&mut conn, &secret).unwrap().last_used_at,
        Some(second)
    );
    assert_eq!(
        store
            .find(&mut conn, &key.id)
            .unwrap()
            .unwrap()
            .last_used_at,
        Some(second)
    );
}

#[test]
fn noting_a_use_does_not_undo_a_concurrent_revocation() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    // The moment between the check's query and its note.
    let mut other = db.connect();
    let id = key.id.clone();
    let mut sent = 0;
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            sent += 1;
            if sent == 2 {
                assert!(ApiKeyStore::new().revoke(&mut other, &id).unwrap());
            }
        }
    });
    let refused = store.verify(&mut conn, &secret);
    assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
    let found = store.find(&mut conn, &key.id).unwrap().unwrap();
    assert!(found.revoked_at.is_some());
    assert_eq!(found.last_used_at, None);
    let refused = store.verify(&mut conn, &secret);
    assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
}

#[test]
fn scopes_are_exact() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, _) = store
        .create(
            &mut conn,
            NewApiKey::new("ada", "CI").scopes(["read", "write:2"]),
        )
        .unwrap();
    let key = store.verify(&mut conn, &secret).unwrap();
    assert!(key.has_scope("read") && key.has_scope("write:2"));
    assert!(!key.has_scope("write") && !key.has_scope("READ") && !key.has_scope(""));
    let (_, none) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let (_, empty) = store
        .create(&mut conn, NewApiKey::new("ada", "CI").scopes([""; 0]))
        .unwrap();
    assert_eq!(
        store.find(&mut conn, &none.id).unwrap().unwrap().scopes,
        None
    );
    assert_eq!(
        store.find(&mut conn, &empty.id).unwrap().unwrap().scopes,
        Some(vec![])
    );
    assert!(!none.has_scope("read") && !empty.has_scope("read"));
}

#[test]
fn a_rotated_key_keeps_what_the_changes_leave_out() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let new = NewApiKey::new("ada", "CI")
        .prefix("my_app_")
        .scopes(["read"])
        .lifetime(HOUR);
    let (old_secret, old) = store.create(&mut conn, new).unwrap();
    hand.advance(MINUTE);
    let (secret, key) = store
        .rotate(&mut conn, &old.id, ApiKeyChanges::new())
        .unwrap()
        .unwrap();
    assert_ne!(key.id, old.id);
    assert_eq!(key.key_prefix, format!("my_app__{}", key.id));
    assert_eq!(
        (&key.user_id, &key.name, &key.scopes, key.expires_at),
        (&old.user_id, &old.name, &old.scopes, old.expires_at)
    );
    assert_eq!(key.created_at, held(hand.now()));
    assert!(matches!(
        store.verify(&mut conn, &old_secret),
        Err(Rejected::Revoked)
    ));
    assert_eq!(store.verify(&mut conn, &secret).unwrap().id, key.id);
    assert!(
        store
            .rotate(&mut conn, &old.id, ApiKeyChanges::new())
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .rotate(&mut conn, "unknown", ApiKeyChanges::new())
            .unwrap()
            .is_none()
    );
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS n FROM auth_api_keys"),
        2,
        "no ownerless key"
    );

    let changes = ApiKeyChanges::new()
        .name("Other")
        .scopes(["write"])
        .never_expires();
    let (_, other) = store.rotate(&mut conn, &key.id, changes).unwrap().unwrap();
    assert_eq!(other.name, "Other");
    assert!(other.has_scope("write") && !other.has_scope("read"));
    assert_eq!(
        store
            .find(&mut conn, &other.id)
            .unwrap()
            .unwrap()
            .expires_at,
        None
    );

    // The old key lives on when the new one would be dead or cannot be made.
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI").lifetime(HOUR))
        .unwrap();
    let dead = ApiKeyChanges::new().expires_at(hand.now());
    assert!(store.rotate(&mut conn, &key.id, dead).unwrap().is_none());
    let never = ApiKeyChanges::new().lifetime(Duration::MAX);
    store.rotate(&mut conn, &key.id, never).unwrap_err();
    store.verify(&mut conn, &secret).unwrap();
    hand.advance(HOUR);
    assert!(
        store
            .rotate(&mut conn, &key.id, ApiKeyChanges::new())
            .unwrap()
            .is_none()
    );
    let longer = ApiKeyChanges::new().lifetime(HOUR);
    assert!(
        store.rotate(&mut conn, &key.id, longer).unwrap().is_some(),
        "ended, not revoked"
    );
}

#[test]
fn keys_are_listed_and_a_bad_row_affects_no_other() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, one) = store
        .create(&mut conn, NewApiKey::new("ada", "one"))
        .unwrap();
    let (_, two) = store
        .create(&mut conn, NewApiKey::new("ada", "two"))
        .unwrap();
    store
        .create(&mut conn, NewApiKey::new("grace", "three"))
        .unwrap();
    conn.batch_execute(&format!(
        "UPDATE auth_api_keys SET scopes = '{{\"a\":1}}' WHERE id = '{}'",
        one.id
    ))
    .unwrap();
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    assert_eq!(listed.len(), 2);
    let error = listed.iter().find_map(|row| row.as_ref().err()).unwrap();
    assert_eq!(error.key(), std::slice::from_ref(&one.id));
    assert_eq!(error.reason(), "scopes is not a JSON array of strings");
    assert!(listed.contains(&Ok(two.clone())));
    assert!(
        matches!(store.verify(&mut conn, &secret), Err(Rejected::Failed(_))),
        "not taken for no scopes"
    );
    conn.batch_execute(&format!(
        "UPDATE auth_api_keys SET scopes = NULL, \"expiresAt\" = {}",
        backend::FAR_TIME
    ))
    .unwrap();
    assert!(matches!(
        store.verify(&mut conn, &secret),
        Err(Rejected::Failed(_))
    ));
    assert!(store.delete(&mut conn, &two.id).unwrap());
    assert!(!store.delete(&mut conn, &two.id).unwrap());
    assert_eq!(store.delete_for_user(&mut conn, "ada").unwrap(), 1);
}
