//! Writes that only help: whatever is in their way, a read is answered, and soon.

use std::time::{Duration, Instant};

use covara_diesel::auth::{NewSession, Session, SessionIds, SessionStore};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;

use super::{HOUR, Hand, migrated};
use crate::backend::{self, Conn};
use crate::suite::number;

/// A session that is due to be extended.
fn due(conn: &mut Conn, ids: SessionIds) -> (SessionStore, Session) {
    let hand = Hand::new();
    let plain = SessionStore::new().clock(hand.clock()).ids(match ids {
        SessionIds::Hashed => SessionIds::Hashed,
        _ => SessionIds::Plain,
    });
    let session = plain.create(conn, NewSession::new("ada")).unwrap();
    hand.advance(HOUR);
    (plain.ids(ids), session)
}

const ALL: [SessionIds; 3] = [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating];

/// Far more than it takes, and far less than a reader waits for writers here.
const SOON: Duration = Duration::from_secs(40);

fn find_soon(store: &SessionStore, conn: &mut Conn, session: &Session) {
    let begun = Instant::now();
    let found = store.find_and_touch(conn, &session.id).unwrap();
    let time = begun.elapsed();
    assert_eq!(found.as_ref(), Some(session), "found, and not extended");
    assert!(time < SOON, "{time:?}");
}

#[test]
fn a_session_is_found_beside_a_long_writer() {
    let (db, mut conn) = migrated();
    // A reader's own patience is not what ends the wait.
    let mut conn_of_reader = db.connect();
    backend::wait_for_writers(&mut conn_of_reader);
    for ids in ALL {
        let (store, session) = due(&mut conn, ids);
        let before = backend::lock_wait(&mut conn_of_reader);
        let mut other = db.connect();
        other.batch_execute(backend::LOCK_WRITES).unwrap();
        for _ in 0..2 {
            find_soon(&store, &mut conn_of_reader, &session);
        }
        assert_eq!(backend::lock_wait(&mut conn_of_reader), before);
        other.batch_execute("ROLLBACK").unwrap();
        let found = store.find_and_touch(&mut conn_of_reader, &session.id);
        assert!(found.unwrap().unwrap().expires_at > session.expires_at);
    }
}

#[test]
fn a_read_only_connection_finds_sessions() {
    let (db, mut conn) = migrated();
    for ids in ALL {
        let (store, session) = due(&mut conn, ids);
        let mut reader = backend::read_only(&db);
        find_soon(&store, &mut reader, &session);
        assert_eq!(number(&mut reader, "SELECT CAST(1 AS BIGINT) AS n"), 1);
    }
}

#[test]
fn a_transaction_goes_on_after_a_touch_that_failed() {
    let (db, mut conn) = migrated();
    for ids in ALL {
        let (store, session) = due(&mut conn, ids);
        let mut reader = backend::read_only(&db);
        reader
            .transaction(|reader| {
                find_soon(&store, reader, &session);
                find_soon(&store, reader, &session);
                assert_eq!(number(reader, "SELECT CAST(1 AS BIGINT) AS n"), 1);
                QueryResult::Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_touch_is_rolled_back_with_the_transaction() {
    let (_db, mut conn) = migrated();
    let (store, session) = due(&mut conn, SessionIds::Hashed);
    let before = backend::lock_wait(&mut conn);
    let undone = conn.transaction::<(), _, _>(|conn| {
        let found = store.find_and_touch(conn, &session.id).unwrap().unwrap();
        assert!(found.expires_at > session.expires_at);
        assert_eq!(backend::lock_wait(conn), before);
        Err(Error::RollbackTransaction)
    });
    assert_eq!(undone, Err(Error::RollbackTransaction));
    let found = store.find(&mut conn, &session.id).unwrap().unwrap();
    assert_eq!(found.expires_at, session.expires_at);
}

#[test]
fn a_panic_during_a_touch_leaves_the_connection_as_it_was() {
    use diesel::connection::{InstrumentationEvent, TransactionManager};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let (_db, mut conn) = migrated();
    let (store, session) = due(&mut conn, SessionIds::Hashed);
    let before = backend::lock_wait(&mut conn);
    conn.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            assert!(
                !query.to_string().contains("UPDATE auth_sessions"),
                "on purpose"
            );
        }
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.find_and_touch(&mut conn, &session.id)
    }));
    assert!(panicked.is_err());
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    type Manager = <Conn as Connection>::TransactionManager;
    let status = Manager::transaction_manager_status_mut(&mut conn);
    assert_eq!(status.transaction_depth().unwrap(), None);
    assert_eq!(backend::lock_wait(&mut conn), before);
    store
        .find_and_touch(&mut conn, &session.id)
        .unwrap()
        .unwrap();
}
