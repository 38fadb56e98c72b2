//! Verification tokens.

use std::time::Duration;

use covara_diesel::auth::{Purpose, VerificationTokenStore};
use diesel::prelude::*;

use super::{HOUR, Hand, MINUTE, SECOND, held, migrated};
use crate::backend::Conn;
use crate::backend::schema::auth_verification_tokens::dsl;
use crate::suite::{count, number};

const RESET: Purpose = Purpose::PasswordReset;

#[test]
fn a_token_can_be_consumed_once() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let token = store
        .issue(&mut conn, "Ada", Purpose::EmailVerification)
        .unwrap();
    assert_eq!(token.expose().len(), 43);
    assert!(!format!("{token:?}").contains(token.expose()));
    assert!(
        !store
            .consume(&mut conn, "Ada", Purpose::EmailVerification, "wrong")
            .unwrap()
    );
    assert!(
        !store
            .consume(&mut conn, "ada", Purpose::EmailVerification, &token)
            .unwrap(),
        "identifiers are case-sensitive"
    );
    assert!(
        store
            .consume(&mut conn, "Ada", Purpose::EmailVerification, &token)
            .unwrap(),
        "a wrong one burns nothing"
    );
    assert!(
        !store
            .consume(&mut conn, "Ada", Purpose::EmailVerification, &token)
            .unwrap()
    );
    assert_eq!(count(&mut conn, "auth_verification_tokens"), 0);
}

#[test]
fn only_the_hash_is_stored_and_is_no_token_itself() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let token = store.issue(&mut conn, "a b", RESET).unwrap();
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
    assert!(!store.consume(&mut conn, "a b", RESET, &stored).unwrap());
    assert!(
        !store
            .consume(&mut conn, "a", RESET, format!("b {}", token.expose()))
            .unwrap()
    );
    assert!(store.consume(&mut conn, "a b", RESET, &token).unwrap());
}

#[test]
fn issuing_a_token_replaces_the_older_ones() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let other = store.issue(&mut conn, "grace", RESET).unwrap();
    let first = store.issue(&mut conn, "ada", RESET).unwrap();
    let second = store.issue(&mut conn, "ada", RESET).unwrap();
    assert!(!store.consume(&mut conn, "ada", RESET, &first).unwrap());
    assert!(store.consume(&mut conn, "ada", RESET, &second).unwrap());
    store.issue(&mut conn, "ada", RESET).unwrap();
    assert_eq!(store.delete_for_identifier(&mut conn, "ada").unwrap(), 1);
    assert_eq!(store.delete_for_identifier(&mut conn, "ada").unwrap(), 0);
    assert!(store.consume(&mut conn, "grace", RESET, &other).unwrap());
}

#[test]
fn tokens_expire() {
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
                .consume(&mut conn, "ada", purpose, &token)
                .unwrap()
        );
        assert!(
            store
                .clone()
                .clock(move || end - SECOND)
                .consume(&mut conn, "ada", purpose, &token)
                .unwrap()
        );
    }
    let store = store.lifetime(Duration::ZERO);
    let token = store.issue(&mut conn, "ada", RESET).unwrap();
    assert!(!store.check(&mut conn, "ada", RESET, &token).unwrap());
    assert!(!store.consume(&mut conn, "ada", RESET, &token).unwrap());
}

#[test]
fn expired_tokens_are_deleted_in_batches() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = VerificationTokenStore::new().clock(hand.clock());
    for n in 0..5 {
        store
            .clone()
            .lifetime(MINUTE)
            .issue(&mut conn, format!("short {n}"), RESET)
            .unwrap();
    }
    store.issue(&mut conn, "long", RESET).unwrap();
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

const INVITATION: Purpose = Purpose::Custom {
    name: "invitation",
    lifetime: Duration::from_secs(72 * 60 * 60),
};

const PURPOSES: [Purpose; 4] = [
    Purpose::EmailVerification,
    Purpose::MagicLink,
    RESET,
    INVITATION,
];

#[test]
fn a_token_is_valid_for_its_own_purpose_only() {
    let (_db, mut conn) = migrated();
    for unmarked in PURPOSES.map(Some).into_iter().chain([None]) {
        let store = VerificationTokenStore::new().unmarked(unmarked);
        for purpose in PURPOSES {
            let token = store.issue(&mut conn, "ada", purpose).unwrap();
            assert_eq!(token.expose().len(), 43);
            for other in PURPOSES {
                let is_same = other == purpose;
                for _ in 0..2 {
                    let good = store.check(&mut conn, "ada", other, &token).unwrap();
                    assert_eq!(good, is_same, "{purpose:?} as {other:?}");
                }
                if !is_same {
                    let taken = store.consume(&mut conn, "ada", other, &token).unwrap();
                    assert!(!taken, "{purpose:?} as {other:?}");
                }
            }
            assert!(!store.check(&mut conn, "grace", purpose, &token).unwrap());
            assert!(store.consume(&mut conn, "ada", purpose, &token).unwrap());
            assert!(!store.check(&mut conn, "ada", purpose, &token).unwrap());
            assert!(!store.consume(&mut conn, "ada", purpose, &token).unwrap());
        }
    }
    assert_eq!(INVITATION.lifetime(), 72 * HOUR);
}

#[test]
fn tokens_of_other_programs_are_valid_for_the_unmarked_purpose_only() {
    let (_db, mut conn) = migrated();
    let insert = |conn: &mut Conn, token: &str| {
        // A row as Covara and earlier versions write it, with the times of a fresh one.
        let store = VerificationTokenStore::new();
        store.issue(conn, "ada", RESET).unwrap();
        diesel::update(dsl::auth_verification_tokens)
            .set(dsl::token.eq(token))
            .execute(conn)
            .unwrap();
    };
    // Its SHA-256.
    let (token, hash) = (
        "c",
        "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6",
    );
    for (store, good_for) in [
        (
            VerificationTokenStore::new(),
            Some(Purpose::EmailVerification),
        ),
        (
            VerificationTokenStore::new().unmarked(Some(RESET)),
            Some(RESET),
        ),
        (VerificationTokenStore::new().unmarked(None), None),
    ] {
        insert(&mut conn, hash);
        for purpose in PURPOSES {
            let good = Some(purpose) == good_for;
            assert_eq!(store.check(&mut conn, "ada", purpose, token).unwrap(), good);
            assert_eq!(
                store.consume(&mut conn, "ada", purpose, token).unwrap(),
                good
            );
        }
    }
}

#[test]
fn custom_purposes_of_different_names_are_different() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    let purpose = |name| Purpose::Custom {
        name,
        lifetime: HOUR,
    };
    let names = [
        "password-reset",
        "\0custom password-reset",
        "\0custom \0custom password-reset",
        "\0a purpose follows",
        "custom password-reset",
        "",
    ];
    for issued in names {
        let token = store.issue(&mut conn, "ada", purpose(issued)).unwrap();
        for asked in names {
            let is_valid = store
                .check(&mut conn, "ada", purpose(asked), &token)
                .unwrap();
            assert_eq!(is_valid, issued == asked, "{issued:?}, {asked:?}");
        }
    }
}

#[test]
fn a_custom_purpose_never_equals_a_built_in_one() {
    let (_db, mut conn) = migrated();
    let store = VerificationTokenStore::new();
    for (built_in, name) in [
        (Purpose::EmailVerification, "email-verification"),
        (Purpose::MagicLink, "magic-link"),
        (Purpose::PasswordReset, "password-reset"),
    ] {
        let own = Purpose::Custom {
            name,
            lifetime: 30 * 24 * HOUR,
        };
        for (issued, other) in [(built_in, own), (own, built_in)] {
            let token = store.issue(&mut conn, "ada", issued).unwrap();
            assert!(!store.check(&mut conn, "ada", other, &token).unwrap());
            assert!(!store.consume(&mut conn, "ada", other, &token).unwrap());
            assert!(store.consume(&mut conn, "ada", issued, &token).unwrap());
        }
    }
}
