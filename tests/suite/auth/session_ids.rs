//! The ids of sessions in the table, and their use.

use covara_diesel::auth::{NewSession, Session, SessionId, SessionIds, SessionStore};
use diesel::prelude::*;

use super::{HOUR, Hand, MINUTE, migrated};
use crate::backend::Conn;
use crate::backend::schema::auth_sessions::dsl;
use crate::suite::count;

const ALL: [SessionIds; 3] = [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating];

fn stored(conn: &mut Conn) -> Vec<String> {
    dsl::auth_sessions.select(dsl::id).load(conn).unwrap()
}

/// SHA-256 of `cookie`, by `sha256sum`.
const COOKIE: &str = "cookie";
const HASHED: &str = "sha256$d7e83e28a04b537e64424546b14caf9b67bad2f28dabce68116e0d372319fa00";

#[test]
fn the_table_holds_hashed_ids_by_default() {
    let (_db, mut conn) = migrated();
    for ids in ALL {
        let store = SessionStore::new().ids(ids);
        let cookie = store.create(&mut conn, NewSession::new("ada")).unwrap().id;
        let rows = stored(&mut conn);
        assert_eq!(rows, [store.handle(&cookie).expose()]);
        if ids == SessionIds::Plain {
            assert_eq!(rows, [cookie.expose()]);
        } else {
            let digits = rows[0].strip_prefix("sha256$").unwrap();
            assert_eq!(digits.len(), 64);
            assert!(digits.bytes().all(|b| b"0123456789abcdef".contains(&b)));
            assert!(!rows[0].contains(cookie.expose()));
        }
        let found = store.find(&mut conn, &cookie).unwrap().unwrap();
        assert_eq!(found.id, cookie);
        assert!(store.delete(&mut conn, &cookie).unwrap());
    }
    assert_eq!(SessionStore::new().handle(COOKIE).expose(), HASHED);
}

#[test]
fn a_stored_id_signs_nobody_in() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    for made in [SessionIds::Hashed, SessionIds::Migrating] {
        let maker = SessionStore::new()
            .ids(made)
            .lifetime(HOUR)
            .clock(hand.clock());
        let session = maker.create(&mut conn, NewSession::new("ada")).unwrap();
        let stolen = stored(&mut conn).remove(0);
        let before = dsl::auth_sessions
            .select((dsl::id, dsl::user_id))
            .load::<(String, String)>(&mut conn)
            .unwrap();
        hand.advance(2 * MINUTE);
        for ids in ALL {
            let store = maker.clone().ids(ids);
            assert!(store.find(&mut conn, &stolen).unwrap().is_none(), "{ids:?}");
            assert!(store.find_and_touch(&mut conn, &stolen).unwrap().is_none());
            assert!(!store.touch(&mut conn, &stolen).unwrap());
            assert!(store.rename(&mut conn, &stolen).unwrap().is_none());
            let new = NewSession::new("eve");
            assert!(store.rotate(&mut conn, &stolen, new).unwrap().is_none());
        }
        let after = dsl::auth_sessions
            .select((dsl::id, dsl::user_id))
            .load::<(String, String)>(&mut conn)
            .unwrap();
        assert_eq!(after, before);
        assert!(maker.delete(&mut conn, &session.id).unwrap());
    }
}

#[test]
fn listed_ids_can_delete_and_keep_sessions() {
    let (_db, mut conn) = migrated();
    for ids in ALL {
        let store = SessionStore::new().ids(ids);
        let mut cookies: Vec<SessionId> = Vec::new();
        for _ in 0..4 {
            let session = store.create(&mut conn, NewSession::new("ada")).unwrap();
            cookies.push(session.id);
        }
        let listed: Vec<Session> = store
            .list_for_user(&mut conn, "ada")
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(listed.len(), 4);
        let of = |cookie: &SessionId| {
            let handle = store.handle(cookie);
            let mut same = listed.iter().filter(|session| session.id == handle);
            same.next().unwrap().id.clone()
        };
        assert!(store.delete(&mut conn, of(&cookies[0])).unwrap());
        assert!(!store.delete(&mut conn, of(&cookies[0])).unwrap());
        assert!(store.find(&mut conn, &cookies[0]).unwrap().is_none());

        // To keep by the handle, then by the cookie.
        let kept = of(&cookies[1]);
        let gone = store
            .delete_for_user(&mut conn, "ada", Some(&kept))
            .unwrap();
        assert_eq!(gone, 2, "{ids:?}");
        assert!(store.find(&mut conn, &cookies[1]).unwrap().is_some());
        store.create(&mut conn, NewSession::new("ada")).unwrap();
        let gone = store
            .delete_for_user(&mut conn, "ada", Some(&cookies[1]))
            .unwrap();
        assert_eq!(gone, 1);
        assert!(store.find(&mut conn, &cookies[1]).unwrap().is_some());

        // What was listed can be written back.
        let mut session = store.list(&mut conn).unwrap().remove(0).unwrap();
        session.user_id = "grace".to_owned();
        assert!(store.update(&mut conn, &session).unwrap());
        session.user_id = "ada".to_owned();
        store.save(&mut conn, &session).unwrap();
        assert_eq!(count(&mut conn, "auth_sessions"), 1);
        let found = store.find(&mut conn, &cookies[1]).unwrap().unwrap();
        assert_eq!(found.user_id, "ada");
        assert_eq!(store.delete_for_user(&mut conn, "ada", None).unwrap(), 1);
    }
}

#[test]
fn plain_sessions_are_found_and_hashed_while_migrating() {
    type Use = fn(&SessionStore, &mut Conn, &Session) -> Option<SessionId>;
    let uses: [(&str, Use); 6] = [
        ("find and touch", |store, conn, session| {
            let found = store.find_and_touch(conn, &session.id).unwrap();
            Some(found.unwrap().id)
        }),
        ("touch", |store, conn, session| {
            store.touch(conn, &session.id).unwrap();
            Some(session.id.clone())
        }),
        ("update", |store, conn, session| {
            assert!(store.update(conn, session).unwrap());
            Some(session.id.clone())
        }),
        ("save", |store, conn, session| {
            store.save(conn, session).unwrap();
            Some(session.id.clone())
        }),
        ("rename", |store, conn, session| {
            let renamed = store.rename(conn, &session.id).unwrap();
            Some(renamed.unwrap().id)
        }),
        ("rotate", |store, conn, session| {
            let new = NewSession::new("ada");
            let rotated = store.rotate(conn, &session.id, new).unwrap();
            Some(rotated.unwrap().id)
        }),
    ];
    let (_db, mut conn) = migrated();
    let plain = SessionStore::new().ids(SessionIds::Plain);
    let migrating = SessionStore::new().ids(SessionIds::Migrating);
    let hashed = SessionStore::new();
    for (name, work) in uses {
        let session = plain.create(&mut conn, NewSession::new("ada")).unwrap();
        assert!(hashed.find(&mut conn, &session.id).unwrap().is_none());
        let found = migrating.find(&mut conn, &session.id).unwrap();
        assert_eq!(found.as_ref(), Some(&session), "{name}");
        assert_eq!(stored(&mut conn), [session.id.expose()], "it only reads");
        let cookie = work(&migrating, &mut conn, &session).unwrap();
        let handle = migrating.handle(&cookie);
        assert_eq!(stored(&mut conn), [handle.expose()], "{name}");
        for store in [&migrating, &hashed] {
            let found = store.find(&mut conn, &cookie).unwrap().unwrap();
            assert_eq!((&found.id, &*found.user_id), (&cookie, "ada"), "{name}");
        }
        assert!(plain.find(&mut conn, &cookie).unwrap().is_none());
        assert!(migrating.delete(&mut conn, &cookie).unwrap());
    }
    // Logging out and logging out elsewhere see both.
    for store in [&migrating, &hashed] {
        let session = plain.create(&mut conn, NewSession::new("ada")).unwrap();
        let kept = store.delete_for_user(&mut conn, "ada", Some(&session.id));
        assert_eq!(kept.unwrap(), 0);
        assert!(store.delete(&mut conn, &session.id).unwrap());
    }
    assert_eq!(count(&mut conn, "auth_sessions"), 0);
}

#[test]
fn an_expired_plain_session_is_not_revived_while_migrating() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let plain = SessionStore::new()
        .ids(SessionIds::Plain)
        .lifetime(HOUR)
        .clock(hand.clock());
    let migrating = plain.clone().ids(SessionIds::Migrating);
    let session = plain.create(&mut conn, NewSession::new("ada")).unwrap();
    hand.advance(HOUR);
    assert!(
        migrating
            .find_and_touch(&mut conn, &session.id)
            .unwrap()
            .is_none()
    );
    assert!(!migrating.touch(&mut conn, &session.id).unwrap());
    assert!(!migrating.update(&mut conn, &session).unwrap());
    assert!(migrating.rename(&mut conn, &session.id).unwrap().is_none());
    assert!(migrating.find(&mut conn, &session.id).unwrap().is_none());
}
