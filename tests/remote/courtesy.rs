//! Writes that only help, on libSQL beside a writer that takes long: what was read is returned,
//! and soon.

use std::time::Duration;

use covara_diesel::auth::{ApiKeyStore, NewApiKey, NewSession, Rejected, SessionIds, SessionStore};
use covara_diesel::auto_migrate;
use covara_diesel::remote::LibsqlConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use support::fault_proxy::timed;
use support::sqld;

fn migrated() -> (sqld::TestDb, LibsqlConnection) {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    auto_migrate(&mut conn).unwrap();
    (db, conn)
}

/// Does this while another connection writes, in a transaction that is then committed. If the work
/// waited for it, sqld would end it after five seconds, and it could not be committed.
fn beside_a_writer(db: &sqld::TestDb, work: impl FnOnce()) {
    let mut writer = LibsqlConnection::establish(&db.url()).unwrap();
    writer
        .transaction(|writer| {
            diesel::sql_query("CREATE TABLE written (a)").execute(writer)?;
            diesel::sql_query("DROP TABLE written").execute(writer)?;
            work();
            QueryResult::Ok(())
        })
        .expect("a writer that nobody has to wait for so long");
}

#[test]
fn a_session_is_found_beside_a_long_writer() {
    let (db, mut conn) = migrated();
    for ids in [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating] {
        let stored = match ids {
            SessionIds::Hashed => SessionIds::Hashed,
            _ => SessionIds::Plain,
        };
        let now = chrono::DateTime::from_timestamp(1_767_323_045, 0).unwrap();
        let made = SessionStore::new().clock(move || now).ids(stored);
        let session = made.create(&mut conn, NewSession::new("ada")).unwrap();
        let later = now + chrono::TimeDelta::hours(1);
        let store = SessionStore::new().clock(move || later).ids(ids);
        beside_a_writer(&db, || {
            let found = store.find_and_touch(&mut conn, &session.id);
            assert_eq!(found.unwrap().as_ref(), Some(&session), "not extended");
        });
        // In a transaction that only reads, it is not tried.
        beside_a_writer(&db, || {
            let found = conn.read_transaction(|conn| {
                let found = store.find_and_touch(conn, &session.id).unwrap();
                assert_eq!(store.find(conn, &session.id).unwrap(), found);
                QueryResult::Ok(found)
            });
            assert_eq!(found.unwrap().as_ref(), Some(&session));
        });
        // Nor beside nobody; one that writes extends it.
        let found = conn.read_transaction(|conn| store.find_and_touch(conn, &session.id));
        assert_eq!(found.unwrap().as_ref(), Some(&session));
        let found = conn.transaction(|conn| store.find_and_touch(conn, &session.id));
        assert!(found.unwrap().unwrap().expires_at > session.expires_at);
    }
}

#[test]
fn an_api_key_is_checked_beside_a_long_writer() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let new = |name| NewApiKey::new("ada", name);
    let (secret, key) = store.create(&mut conn, new("good")).unwrap();
    let (revoked, its) = store.create(&mut conn, new("revoked")).unwrap();
    assert!(store.revoke(&mut conn, its.id).unwrap());
    beside_a_writer(&db, || {
        let found = store.verify(&mut conn, &secret).unwrap();
        assert_eq!((found.id, found.last_used_at), (key.id.clone(), None));
        let refused = store.verify(&mut conn, &revoked);
        assert!(matches!(refused, Err(Rejected::Revoked)), "{refused:?}");
    });
    let found = store.verify(&mut conn, &secret).unwrap();
    assert!(found.last_used_at.is_some());
}

/// As a server that is stopped: the touch is given up after the two seconds it may take.
#[test]
fn a_session_is_found_when_only_the_touch_gets_no_answer() {
    use support::fault_proxy::{Fault, FaultProxy};

    let (db, _) = migrated();
    let proxy = FaultProxy::new(&db.url());
    let mut conn = LibsqlConnection::establish(&proxy.origin()).unwrap();
    let now = chrono::DateTime::from_timestamp(1_767_323_045, 0).unwrap();
    let made = SessionStore::new().clock(move || now);
    let session = made.create(&mut conn, NewSession::new("ada")).unwrap();
    let later = now + chrono::TimeDelta::hours(1);
    let store = SessionStore::new().clock(move || later);
    for fault in [
        Fault::Delay(Duration::from_secs(60)),
        Fault::CloseBefore,
        Fault::ResetAfter,
    ] {
        proxy.next_with("UPDATE auth_sessions", fault);
        let (found, time) = timed(|| store.find_and_touch(&mut conn, &session.id));
        let found = found.unwrap().unwrap();
        assert_eq!(found.user_id, "ada");
        assert!(time < Duration::from_secs(30), "{time:?}");
        proxy.heal();
    }
}
