//! Transactions that are still open when their connection goes back to its pool.

use covara_diesel::any::open_with;
use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::{auto_migrate, with_typed};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers;

use super::super::helpers::url_to_open;
use super::super::{count, number};
use crate::backend::{self, Conn, TestDb};

const STRANGERS: &str = "INSERT INTO numbers VALUES (1, 'a stranger''s', NULL)";
const OWN: &str = "INSERT INTO numbers VALUES (2, 'of one''s own', NULL)";

fn prepared() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    (db, conn)
}

/// Whatever leaves a transaction open. Not every database takes each of them.
macro_rules! leave_open {
    ($way:expr, $conn:expr) => {
        match $way {
            0 => drop($conn.batch_execute(&format!("BEGIN; {STRANGERS}"))),
            1 => {
                drop(diesel::sql_query("begin").execute($conn));
                drop($conn.batch_execute(STRANGERS));
            }
            2 => drop($conn.batch_execute(&format!("/* it */ START TRANSACTION; {STRANGERS}"))),
            3 => drop($conn.batch_execute(&format!("SAVEPOINT mine; {STRANGERS}"))),
            4 => drop($conn.batch_execute(&format!("COMMIT; BEGIN; {STRANGERS}"))),
            5 => drop($conn.batch_execute(&format!("BEGIN; {STRANGERS}; SELECT nothing"))),
            // What the library does in it is a savepoint, which Diesel counts.
            6 => {
                drop($conn.batch_execute("BEGIN"));
                drop(SessionStore::new().create($conn, NewSession::new("stranger")));
                drop($conn.batch_execute(STRANGERS));
            }
            7 => drop($conn.batch_execute(&format!("BEGIN; {STRANGERS}; COMMIT AND CHAIN; {OWN}"))),
            _ => drop($conn.batch_execute(&format!("BEGIN; SELECT 'COMMIT; END'; {STRANGERS}"))),
        }
    };
}

/// Nothing that a stranger left undone is seen, waits for others or takes their rows along.
fn check(way: i32, outside: &mut Conn, mut next: impl FnMut()) {
    let strangers = "SELECT count(*) AS n FROM numbers WHERE id = 1";
    // Where there are no transactions by hand, a row is kept or not at once.
    let before = number(outside, strangers);
    outside
        .batch_execute("INSERT INTO numbers VALUES (3, 'beside it', NULL)")
        .unwrap_or_else(|error| panic!("{way}: others are locked out: {error}"));
    next();
    assert_eq!(number(outside, strangers), before, "{way}");
    let own = "SELECT count(*) AS n FROM numbers WHERE id = 2";
    assert_eq!(number(outside, own), 1, "{way}: the row is lost");
    let sessions = "SELECT count(*) AS n FROM auth_sessions WHERE \"userId\" = 'ada'";
    assert_eq!(number(outside, sessions), 1, "{way}: the session is lost");
}

#[test]
fn a_transaction_begun_by_sql_ends_when_its_connection_goes_back() {
    for way in 0..9 {
        let (db, mut outside) = prepared();
        let pool = backend::pool_of_one(&db.url());
        leave_open!(way, &mut pool.get().unwrap());
        check(way, &mut outside, || {
            let mut conn = pool.get().unwrap();
            conn.batch_execute(OWN).unwrap();
            let sessions = SessionStore::new();
            sessions.create(&mut conn, NewSession::new("ada")).unwrap();
        });
    }
}

#[test]
fn a_transaction_begun_by_sql_ends_when_an_any_connection_goes_back() {
    for way in 0..9 {
        let (db, mut outside) = prepared();
        let pool = open_with(url_to_open(db.url()), |config| config.max_size = 1).unwrap();
        with_typed!(&mut pool.get().unwrap(), |conn| leave_open!(way, conn));
        check(way, &mut outside, || {
            let mut conn = pool.get().unwrap();
            with_typed!(&mut conn, |conn| conn.batch_execute(OWN)).unwrap();
            let sessions = SessionStore::new();
            sessions.create(&mut conn, NewSession::new("ada")).unwrap();
        });
    }
}

/// A test's transaction, which Diesel counts, is its user's to keep.
#[test]
fn a_test_transaction_stays_open() {
    let (db, mut outside) = prepared();
    let pool = backend::pool_of_one(&db.url());
    {
        let mut conn = pool.get().unwrap();
        conn.begin_test_transaction().unwrap();
        conn.batch_execute(OWN).unwrap();
    }
    assert_eq!(count(&mut pool.get().unwrap(), "numbers"), 1);
    assert_eq!(count(&mut outside, "numbers"), 0);
}

/// So it is where the application observes the connection.
#[test]
fn a_test_transaction_with_an_observer_stays_open() {
    let (db, mut outside) = prepared();
    let pool = backend::pool_of_one(&db.url());
    {
        let mut conn = pool.get().unwrap();
        conn.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
        conn.begin_test_transaction().unwrap();
        conn.batch_execute(OWN).unwrap();
    }
    let mut conn = pool.get().unwrap();
    assert_eq!(count(&mut conn, "numbers"), 1);
    conn.batch_execute(STRANGERS).unwrap();
    assert_eq!(count(&mut outside, "numbers"), 0);
}
