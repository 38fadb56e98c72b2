//! The expiry of sessions: only an extension moves it, and nothing revives a session.

use covara_diesel::auth::{NewSession, Session, SessionIds, SessionStore};
use serde_json::json;

use super::{HOUR, Hand, MINUTE, SECOND, held, migrated};

fn store(hand: &Hand) -> SessionStore {
    SessionStore::new().lifetime(HOUR).clock(hand.clock())
}

#[test]
fn a_slow_request_does_not_shorten_an_extended_session() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    for store in [store(&hand), store(&hand).max_age(24 * HOUR)] {
        let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
        hand.advance(30 * MINUTE);
        let mut slow = store.find(&mut conn, &session.id).unwrap().unwrap();
        assert!(store.touch(&mut conn, &session.id).unwrap());
        let extended = held(hand.now() + HOUR);
        slow.data = Some(json!({"step": 1}));
        assert!(store.update(&mut conn, &slow).unwrap());
        let found = store.find(&mut conn, &session.id).unwrap().unwrap();
        assert_eq!(
            (found.expires_at, found.data),
            (extended, slow.data.clone())
        );
        slow.data = Some(json!({"step": 2}));
        store.save(&mut conn, &slow).unwrap();
        let found = store.find(&mut conn, &session.id).unwrap().unwrap();
        assert_eq!(
            (found.expires_at, found.data),
            (extended, slow.data.clone())
        );
        // A later end is written.
        slow.expires_at = held(hand.now() + 3 * HOUR);
        assert!(store.update(&mut conn, &slow).unwrap());
        let found = store.find(&mut conn, &session.id).unwrap().unwrap();
        assert_eq!(found.expires_at, slow.expires_at);
    }
}

#[test]
fn an_expired_session_stays_expired() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    for store in [store(&hand), store(&hand).max_age(24 * HOUR)] {
        let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
        hand.advance(HOUR);
        let revived = Session {
            expires_at: hand.now() + HOUR,
            ..session.clone()
        };
        assert!(!store.update(&mut conn, &revived).unwrap());
        assert!(store.find(&mut conn, &session.id).unwrap().is_none());
        store.save(&mut conn, &revived).unwrap();
        assert!(store.find(&mut conn, &session.id).unwrap().is_none());
        assert!(!store.touch(&mut conn, &session.id).unwrap());
        assert_eq!(store.delete_expired(&mut conn, hand.now(), 9).unwrap(), 1);
    }
}

#[test]
fn no_expiry_is_stored_beyond_the_maximum_age() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand).max_age(90 * MINUTE);
    let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
    let last = session.created_at + 90 * MINUTE;
    let late = Session {
        created_at: hand.now() + 24 * HOUR,
        expires_at: last + 24 * HOUR,
        ..session.clone()
    };
    assert!(store.update(&mut conn, &late).unwrap());
    let end = |conn: &mut _| store.find(conn, &session.id).unwrap().unwrap().expires_at;
    assert_eq!(end(&mut conn), last);
    store.save(&mut conn, &late).unwrap();
    assert_eq!(end(&mut conn), last);
    // A new one as well, whenever it says it was made.
    store.delete(&mut conn, &session.id).unwrap();
    store.save(&mut conn, &late).unwrap();
    assert_eq!(end(&mut conn), held(hand.now() + 90 * MINUTE));
    hand.advance(89 * MINUTE);
    assert!(store.find(&mut conn, &session.id).unwrap().is_some());
    hand.advance(MINUTE + SECOND);
    assert!(store.find(&mut conn, &session.id).unwrap().is_none());
    let renamed = self::store(&hand).max_age(90 * MINUTE);
    assert!(renamed.rename(&mut conn, &session.id).unwrap().is_none());
}

#[test]
fn a_session_past_its_maximum_age_is_not_renamed_rotated_or_updated() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    // Made and kept alive without a cap.
    let free = store(&hand);
    let session = free
        .create(&mut conn, NewSession::new("ada").lifetime(5 * HOUR))
        .unwrap();
    hand.advance(2 * HOUR);
    let capped = store(&hand).max_age(2 * HOUR);
    assert!(capped.rename(&mut conn, &session.id).unwrap().is_none());
    let new = NewSession::new("ada");
    assert!(
        capped
            .rotate(&mut conn, &session.id, new)
            .unwrap()
            .is_none()
    );
    assert!(!capped.update(&mut conn, &session).unwrap());
    assert!(!capped.touch(&mut conn, &session.id).unwrap());
    assert!(free.find(&mut conn, &session.id).unwrap().is_some());
}

#[test]
fn no_session_is_extended_beyond_its_own_lifetime() {
    let (_db, mut conn) = migrated();
    for ids in [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating] {
        for cap in [None, Some(90 * 24 * HOUR)] {
            let hand = Hand::new();
            // Thirty days.
            let mut store = SessionStore::new().ids(ids).clock(hand.clock());
            if let Some(cap) = cap {
                store = store.max_age(cap);
            }
            let day = NewSession::new("ada").lifetime(24 * HOUR);
            let day = store.create(&mut conn, day).unwrap();
            let month = store.create(&mut conn, NewSession::new("ada")).unwrap();
            for _ in 0..23 {
                hand.advance(HOUR);
                let found = store.find_and_touch(&mut conn, &day.id).unwrap().unwrap();
                assert_eq!(found.expires_at, day.expires_at, "never by more than a day");
                assert!(!store.touch(&mut conn, &day.id).unwrap());
                let found = store.find_and_touch(&mut conn, &month.id).unwrap().unwrap();
                assert_eq!(found.expires_at, held(hand.now() + 30 * 24 * HOUR));
            }
            // Unless somebody asks for it, or has that lifetime.
            let mut other = day.clone();
            for store in [
                store.clone().lifetime(24 * HOUR),
                store.clone().extend_shorter(true),
            ] {
                hand.advance(2 * MINUTE);
                other = store.find_and_touch(&mut conn, &other.id).unwrap().unwrap();
                assert!(other.expires_at > held(hand.now() + 24 * HOUR - SECOND));
                hand.advance(2 * MINUTE);
                assert!(store.touch(&mut conn, &other.id).unwrap());
            }
            let found = store.find(&mut conn, &other.id).unwrap().unwrap();
            assert_eq!(found.expires_at, held(hand.now() + 30 * 24 * HOUR));
        }
    }
}
