//! Sessions.

use covara_diesel::auth::{NewSession, Session, SessionId, SessionIds, SessionStore};
use diesel::connection::SimpleConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{HOUR, Hand, MINUTE, SECOND, held, migrated};
use crate::backend::Conn;
use crate::suite::number;

fn store(hand: &Hand) -> SessionStore {
    SessionStore::new().lifetime(HOUR).clock(hand.clock())
}

#[test]
fn a_created_session_is_found_with_its_data() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    for data in [
        None,
        Some(json!({})),
        Some(json!({"b": [1, null], "a": "é"})),
        Some(json!(null)),
    ] {
        let mut new = NewSession::new("ada");
        if let Some(data) = data.clone() {
            new = new.data(data);
        }
        let session = store.create(&mut conn, new).unwrap();
        assert_eq!(session.user_id, "ada");
        assert_eq!(session.created_at, held(hand.now()));
        assert_eq!(session.expires_at, held(hand.now() + HOUR));
        assert_eq!(session.data, data);
        let found = store.find(&mut conn, &session.id).unwrap().unwrap();
        assert_eq!(found, session, "{{}} is not none, and null is neither");
    }
}

#[test]
fn ids_are_long_random_and_kept_out_of_debug() {
    let (_db, mut conn) = migrated();
    let store = SessionStore::new();
    let one = store.create(&mut conn, NewSession::new("ada")).unwrap();
    let other = store.create(&mut conn, NewSession::new("ada")).unwrap();
    assert_ne!(one.id, other.id);
    for id in [&one.id, &other.id] {
        assert_eq!(id.expose().len(), 32);
        assert!(
            id.expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }
    assert!(!format!("{one:?}").contains(one.id.expose()), "{one:?}");
    assert!(SessionId::from("a") != SessionId::from("ab"));
}

#[test]
fn an_expired_or_unknown_session_is_not_found() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    let id = store.create(&mut conn, NewSession::new("ada")).unwrap().id;
    assert!(store.find(&mut conn, "nobody's").unwrap().is_none());
    assert!(
        store
            .find(&mut conn, id.expose().to_uppercase())
            .unwrap()
            .is_none()
    );
    hand.advance(HOUR - SECOND);
    assert!(store.find(&mut conn, &id).unwrap().is_some());
    hand.advance(SECOND);
    assert!(
        store.find(&mut conn, &id).unwrap().is_none(),
        "it ends at its end"
    );
    assert!(!store.touch(&mut conn, &id).unwrap());
    assert!(store.find_and_touch(&mut conn, &id).unwrap().is_none());
    assert!(store.rename(&mut conn, &id).unwrap().is_none());
    assert!(
        store
            .rotate(&mut conn, &id, NewSession::new("ada"))
            .unwrap()
            .is_none()
    );
    assert!(store.list(&mut conn).unwrap().is_empty());
    assert!(store.list_for_user(&mut conn, "ada").unwrap().is_empty());
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS n FROM auth_sessions"),
        1
    );
}

#[test]
fn saving_again_keeps_created_at_and_updating_does_not_revive() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    let first = store
        .create(&mut conn, NewSession::new("ada").data(json!({"v": 1})))
        .unwrap();
    hand.advance(MINUTE);
    let second = Session {
        user_id: "grace".to_owned(),
        created_at: hand.now(),
        expires_at: hand.now() + 2 * HOUR,
        data: None,
        ..first.clone()
    };
    store.save(&mut conn, &second).unwrap();
    let found = store.find(&mut conn, &first.id).unwrap().unwrap();
    assert_eq!(found.created_at, first.created_at);
    assert_eq!(found.expires_at, held(second.expires_at));
    assert_eq!((found.user_id.as_str(), found.data), ("grace", None));

    assert!(store.update(&mut conn, &first).unwrap());
    let found = store.find(&mut conn, &first.id).unwrap().unwrap();
    assert_eq!(
        (found.user_id.as_str(), found.data),
        ("ada", Some(json!({"v": 1})))
    );

    assert!(store.delete(&mut conn, &first.id).unwrap());
    assert!(!store.update(&mut conn, &first).unwrap());
    assert!(store.find(&mut conn, &first.id).unwrap().is_none());
    store.save(&mut conn, &first).unwrap();
    assert!(
        store.find(&mut conn, &first.id).unwrap().is_some(),
        "save is insert or update"
    );
}

/// Counts the statements on the table that were sent.
fn statements(conn: &mut Conn, work: impl FnOnce(&mut Conn)) -> usize {
    use diesel::connection::{Connection, InstrumentationEvent};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && query.to_string().contains("auth_sessions")
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    work(conn);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    count.load(Ordering::Relaxed)
}

#[test]
fn touching_extends_at_most_once_per_window() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
    let id = &session.id;
    hand.advance(MINUTE - SECOND);
    assert!(!store.touch(&mut conn, id).unwrap());
    let found = store.find_and_touch(&mut conn, id).unwrap().unwrap();
    assert_eq!(found.expires_at, session.expires_at);
    hand.advance(2 * SECOND);
    let sent = statements(&mut conn, |conn| assert!(store.touch(conn, id).unwrap()));
    assert_eq!(sent, 1, "nothing is read before");
    assert!(!store.touch(&mut conn, id).unwrap());
    let found = store.find(&mut conn, id).unwrap().unwrap();
    assert_eq!(found.expires_at, held(hand.now() + HOUR));
    assert_eq!(found.created_at, session.created_at);

    hand.advance(2 * MINUTE);
    let sent = statements(&mut conn, |conn| {
        let touched = store.find_and_touch(conn, id).unwrap().unwrap();
        assert_eq!(touched.expires_at, held(hand.now() + HOUR));
    });
    assert_eq!(sent, 2);
    let sent = statements(&mut conn, |conn| {
        for _ in 0..10 {
            store.find_and_touch(conn, id).unwrap().unwrap();
        }
    });
    assert_eq!(sent, 10, "no write per request");
    // A longer life than the store gives is never shortened.
    let long = NewSession::new("ada").lifetime(5 * HOUR);
    let long = store.create(&mut conn, long).unwrap();
    hand.advance(HOUR);
    assert!(!store.touch(&mut conn, &long.id).unwrap());
}

#[test]
fn no_session_outlives_the_maximum_age() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand).max_age(90 * MINUTE);
    let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
    let last = session.created_at + 90 * MINUTE;
    hand.advance(59 * MINUTE);
    assert!(store.touch(&mut conn, &session.id).unwrap());
    let found = store.find(&mut conn, &session.id).unwrap().unwrap();
    assert_eq!(found.expires_at, last, "not a full hour more");
    hand.advance(20 * MINUTE);
    assert!(
        !store.touch(&mut conn, &session.id).unwrap(),
        "there is nothing to extend to"
    );
    let sent = statements(&mut conn, |conn| {
        assert_eq!(
            store
                .find_and_touch(conn, &session.id)
                .unwrap()
                .unwrap()
                .expires_at,
            last
        );
    });
    assert_eq!(sent, 1);
    // One that was saved with a later end, or under a higher cap.
    let late = Session {
        expires_at: last + 24 * HOUR,
        ..session
    };
    store.save(&mut conn, &late).unwrap();
    let found = store.find(&mut conn, &late.id).unwrap().unwrap();
    assert_eq!(found.expires_at, last);
    // As if it had been saved under a higher cap.
    self::store(&hand).save(&mut conn, &late).unwrap();
    hand.advance(12 * MINUTE);
    assert!(store.find(&mut conn, &late.id).unwrap().is_none());
    assert!(!store.touch(&mut conn, &late.id).unwrap());
    assert!(store.rename(&mut conn, &late.id).unwrap().is_none());
    let again = NewSession::new("ada");
    assert!(store.rotate(&mut conn, &late.id, again).unwrap().is_none());
    assert!(!store.update(&mut conn, &late).unwrap());
    store.save(&mut conn, &late).unwrap();
    assert!(store.find(&mut conn, &late.id).unwrap().is_none());
    assert!(store.list_for_user(&mut conn, "ada").unwrap().is_empty());
    assert!(store.list(&mut conn).unwrap().is_empty());
    let endless = self::store(&hand).max_age(std::time::Duration::MAX);
    let session = endless.create(&mut conn, NewSession::new("ada")).unwrap();
    hand.advance(MINUTE + SECOND);
    let touched = endless
        .find_and_touch(&mut conn, &session.id)
        .unwrap()
        .unwrap();
    assert_eq!(touched.expires_at, held(hand.now() + HOUR));
    let short = store
        .max_age(MINUTE)
        .create(&mut conn, NewSession::new("ada"))
        .unwrap();
    assert_eq!(
        short.expires_at - short.created_at,
        chrono::TimeDelta::minutes(1)
    );
}

#[test]
fn rotating_and_renaming_replace_the_id() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    let guest = store
        .create(&mut conn, NewSession::new("").data(json!({"cart": [7]})))
        .unwrap();
    hand.advance(MINUTE);
    let signed_in = NewSession::new("ada").data(json!({"cart": [7]}));
    let ada = store
        .rotate(&mut conn, &guest.id, signed_in)
        .unwrap()
        .unwrap();
    assert_ne!(ada.id, guest.id);
    assert_eq!(ada.created_at, held(hand.now()));
    assert!(store.find(&mut conn, &guest.id).unwrap().is_none());
    assert_eq!(store.find(&mut conn, &ada.id).unwrap().unwrap(), ada);
    assert!(
        store
            .rotate(&mut conn, &guest.id, NewSession::new("eve"))
            .unwrap()
            .is_none()
    );

    hand.advance(MINUTE);
    let renamed = store.rename(&mut conn, &ada.id).unwrap().unwrap();
    assert!(store.find(&mut conn, &ada.id).unwrap().is_none());
    assert_eq!(
        store.find(&mut conn, &renamed.id).unwrap().unwrap(),
        renamed
    );
    assert_eq!(
        Session {
            id: ada.id.clone(),
            ..renamed
        },
        ada
    );
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS n FROM auth_sessions"),
        1
    );
}

#[test]
fn logging_out_counts_the_deleted_sessions() {
    let (_db, mut conn) = migrated();
    let store = SessionStore::new();
    let mut new = |user: &str| store.create(&mut conn, NewSession::new(user)).unwrap().id;
    let (kept, deleted, elsewhere, other) = (new("ada"), new("ada"), new("ada"), new("grace"));
    assert!(store.delete(&mut conn, &deleted).unwrap());
    assert!(
        !store.delete(&mut conn, &deleted).unwrap(),
        "once is enough"
    );
    assert_eq!(
        store
            .delete_for_user(&mut conn, "ada", Some(&kept))
            .unwrap(),
        1
    );
    assert!(store.find(&mut conn, &elsewhere).unwrap().is_none());
    assert!(store.find(&mut conn, &kept).unwrap().is_some());
    assert_eq!(
        store
            .delete_for_user(&mut conn, "ada", Some(&other))
            .unwrap(),
        1
    );
    assert_eq!(store.delete_for_user(&mut conn, "ada", None).unwrap(), 0);
    assert_eq!(store.delete_for_user(&mut conn, "grace", None).unwrap(), 1);
}

#[test]
fn sessions_are_listed_newest_first_and_a_bad_row_affects_no_other() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    let mut ids = Vec::new();
    for user in ["ada", "ada", "grace"] {
        ids.push(store.create(&mut conn, NewSession::new(user)).unwrap().id);
        hand.advance(SECOND);
    }
    conn.batch_execute(
        "INSERT INTO auth_sessions SELECT 'broken', \"userId\", \"createdAt\", \"expiresAt\", '{oops'
         FROM auth_sessions WHERE \"userId\" = 'ada' ORDER BY \"createdAt\" DESC LIMIT 1",
    )
    .unwrap();
    let all = store.list(&mut conn).unwrap();
    assert_eq!(all.len(), 4);
    let good: Vec<_> = all.iter().flatten().map(|session| &session.id).collect();
    let handles = ids.iter().map(|id| store.handle(id)).collect::<Vec<_>>();
    assert_eq!(good, [&handles[2], &handles[1], &handles[0]]);

    let ada = store.list_for_user(&mut conn, "ada").unwrap();
    assert_eq!(ada.iter().filter(|row| row.is_ok()).count(), 2);
    let error = ada.into_iter().find_map(Result::err).unwrap();
    assert_eq!(
        (error.table(), error.key()),
        ("auth_sessions", &["broken".to_owned()][..])
    );
    let said = format!("{error} {error:?}");
    assert!(
        said.contains("data is not JSON") && !said.contains("broken") && !said.contains("oops"),
        "{said}"
    );
    let plain = store.clone().ids(SessionIds::Plain);
    assert!(plain.find(&mut conn, "broken").is_err());
    assert!(store.delete(&mut conn, &error.key()[0]).unwrap());
}

#[test]
fn expired_sessions_are_deleted_in_batches_oldest_first() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = store(&hand);
    for _ in 0..10 {
        store.create(&mut conn, NewSession::new("ada")).unwrap();
        hand.advance(MINUTE);
    }
    let now = hand.now() + HOUR - 5 * MINUTE;
    let before = number(&mut conn, "SELECT count(*) AS n FROM auth_sessions");
    assert_eq!(before, 10);
    assert_eq!(store.delete_expired(&mut conn, now, 4).unwrap(), 4);
    assert_eq!(store.delete_expired(&mut conn, now, 4).unwrap(), 2);
    assert_eq!(store.delete_expired(&mut conn, now, 4).unwrap(), 0);
    assert_eq!(store.delete_expired(&mut conn, now + HOUR, 0).unwrap(), 0);
    assert_eq!(store.list(&mut conn).unwrap().len(), 4);
    assert_eq!(
        store
            .delete_expired(
                &mut conn,
                chrono::DateTime::<chrono::Utc>::MIN_UTC,
                usize::MAX
            )
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .delete_expired(
                &mut conn,
                chrono::DateTime::<chrono::Utc>::MAX_UTC,
                usize::MAX
            )
            .unwrap(),
        4
    );
}

#[test]
fn data_can_have_a_type_of_the_application() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Cart {
        item_ids: Vec<u32>,
        total: f64,
    }
    let (_db, mut conn) = migrated();
    let store = SessionStore::new().typed::<Cart>();
    let cart = Cart {
        item_ids: vec![7, 8],
        total: 20.0,
    };
    let id = store
        .create(&mut conn, NewSession::new("ada").data(cart.clone()))
        .unwrap()
        .id;
    assert_eq!(
        store.find(&mut conn, &id).unwrap().unwrap().data,
        Some(cart)
    );
    let plain = SessionStore::new().find(&mut conn, &id).unwrap().unwrap();
    assert_eq!(
        plain.data.unwrap().to_string(),
        r#"{"itemIds":[7,8],"total":20}"#,
        "as JavaScript writes it"
    );
    // Another shape is an error, not "no data".
    assert!(
        SessionStore::new()
            .typed::<Vec<String>>()
            .find(&mut conn, &id)
            .is_err()
    );
}
