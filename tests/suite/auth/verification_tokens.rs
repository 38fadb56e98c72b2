//! Verification tokens.

use std::time::Duration;

use covara_diesel::auth::{Purpose, VerificationTokenStore};
use diesel::prelude::*;

use super::{HOUR, Hand, MINUTE, SECOND, held, migrated};
use crate::backend::schema::auth_verification_tokens::dsl;
use crate::suite::{count, number};

#[test]
fn a_token_is_good_once() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let token = store
        .issue(&mut conn, "Ada", Purpose::EmailVerification)
        .unwrap();
    assert_eq!(token.expose().len(), 43);
    assert!(!format!("{token:?}").contains(token.expose()));
    assert!(!store.consume(&mut conn, "Ada", "wrong").unwrap());
    assert!(
        !store.consume(&mut conn, "ada", &token).unwrap(),
        "identifiers are case-sensitive"
    );
    assert!(
        store.consume(&mut conn, "Ada", &token).unwrap(),
        "a wrong one burns nothing"
    );
    assert!(!store.consume(&mut conn, "Ada", &token).unwrap());
    assert_eq!(count(&mut conn, "auth_verification_tokens"), 0);
}

#[test]
fn only_the_hash_is_stored_and_is_no_token_itself() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let token = store.issue(&mut conn, "a b", HOUR).unwrap();
    let stored: String = dsl::auth_verification_tokens
        .select(dsl::token)
        .first(&mut conn)
        .unwrap();
    assert_eq!(stored.len(), 64);
    assert!(
        stored
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    assert!(!store.consume(&mut conn, "a b", &stored).unwrap());
    assert!(
        !store
            .consume(&mut conn, "a", format!("b {}", token.expose()))
            .unwrap()
    );
    assert!(store.consume(&mut conn, "a b", &token).unwrap());
}

#[test]
fn a_new_token_takes_the_place_of_the_older() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let other = store.issue(&mut conn, "grace", HOUR).unwrap();
    let first = store.issue(&mut conn, "ada", HOUR).unwrap();
    let second = store.issue(&mut conn, "ada", HOUR).unwrap();
    assert!(!store.consume(&mut conn, "ada", &first).unwrap());
    assert!(store.consume(&mut conn, "ada", &second).unwrap());
    store.issue(&mut conn, "ada", HOUR).unwrap();
    assert_eq!(store.delete_for_identifier(&mut conn, "ada").unwrap(), 1);
    assert_eq!(store.delete_for_identifier(&mut conn, "ada").unwrap(), 0);
    assert!(store.consume(&mut conn, "grace", &other).unwrap());
}

#[test]
fn tokens_end() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = VerificationTokenStore::new().clock(hand.clock());
    for (purpose, lifetime) in [
        (Purpose::EmailVerification, 24 * HOUR),
        (Purpose::MagicLink, 15 * MINUTE),
        (Purpose::PasswordReset, HOUR),
    ] {
        let end = held(hand.now() + lifetime);
        let token = store.issue(&mut conn, "ada", purpose).unwrap();
        assert!(
            !store
                .clone()
                .clock(move || end)
                .consume(&mut conn, "ada", &token)
                .unwrap()
        );
        assert!(
            store
                .clone()
                .clock(move || end - SECOND)
                .consume(&mut conn, "ada", &token)
                .unwrap()
        );
    }
    let token = store.issue(&mut conn, "ada", Duration::ZERO).unwrap();
    assert!(!store.consume(&mut conn, "ada", &token).unwrap());
}

#[test]
fn ended_tokens_are_deleted_in_batches() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = VerificationTokenStore::new().clock(hand.clock());
    for n in 0..5 {
        store
            .issue(&mut conn, format!("short {n}"), MINUTE)
            .unwrap();
    }
    store.issue(&mut conn, "long", HOUR).unwrap();
    let now = hand.now() + MINUTE;
    assert_eq!(store.delete_expired(&mut conn, hand.now(), 10).unwrap(), 0);
    assert_eq!(store.delete_expired(&mut conn, now, 3).unwrap(), 3);
    assert_eq!(store.delete_expired(&mut conn, now, 3).unwrap(), 2);
    assert_eq!(store.delete_expired(&mut conn, now, 3).unwrap(), 0);
    assert_eq!(
        number(
            &mut conn,
            "SELECT count(*) AS n FROM auth_verification_tokens"
        ),
        1
    );
}
