//! Transactions on libSQL that lose their server, their time or a request.

use std::sync::Mutex;
use std::time::Duration;

use covara_diesel::remote::LibsqlConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use support::fault_proxy::{BUSY, Fault, FaultProxy, answer, timed};
use support::sqld;

use super::pool_of;

diesel::table! {
    steps (id) {
        id -> BigInt,
        name -> Text,
    }
}

const CREATE: &str = "CREATE TABLE steps (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)";

fn insert(conn: &mut LibsqlConnection, name: &str) -> QueryResult<usize> {
    diesel::insert_into(steps::table)
        .values(steps::name.eq(name))
        .execute(conn)
}

/// Begin, write, savepoint, write, release, read, commit.
const REQUESTS: usize = 7;

fn two_steps(conn: &mut LibsqlConnection) -> QueryResult<i64> {
    conn.transaction(|conn| {
        insert(conn, "outer")?;
        conn.transaction(|conn| insert(conn, "inner"))?;
        steps::table.count().get_result(conn)
    })
}

fn stored(db: &sqld::TestDb) -> i64 {
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    steps::table.count().get_result(&mut conn).unwrap()
}

/// Less than the 30 s for which an answer is waited for.
const IN_TIME: Duration = Duration::from_secs(25);

type Case = (&'static str, fn() -> Fault);

const FAULTS: [Case; 6] = [
    ("a close before", || Fault::CloseBefore),
    ("a reset after", || Fault::ResetAfter),
    ("half an answer", || Fault::Truncate(40)),
    ("a doubled request", || Fault::Duplicate),
    ("a gateway's error after", || {
        Fault::AnswerAfter(answer(502, "text/html", "<html>"))
    }),
    ("nonsense", || {
        Fault::AnswerAfter(answer(200, "application/json", "{}"))
    }),
];

/// Whichever request of a transaction is hit, all of it is kept or nothing; `Ok` means all.
/// The same pooled connection goes on.
#[test]
fn a_fault_in_a_transaction_leaves_all_or_nothing() {
    let cases = Mutex::new(
        FAULTS
            .iter()
            .flat_map(|case| (0..REQUESTS).map(move |request| (case, request))),
    );
    // Many wait for a server that keeps a lock for someone who is gone: side by side.
    std::thread::scope(|scope| {
        for _ in 0..14 {
            scope.spawn(|| {
                loop {
                    let Some((case, request)) = cases.lock().unwrap().next() else {
                        break;
                    };
                    one_fault(case, request);
                }
            });
        }
    });
}

fn one_fault(&(name, fault): &Case, request: usize) {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let pool = pool_of::<LibsqlConnection>(&proxy.origin(), 1);
    pool.get().unwrap().batch_execute(CREATE).unwrap();
    for _ in 0..request {
        proxy.next(Fault::None);
    }
    proxy.next(fault());
    let (result, time) = timed(|| two_steps(&mut pool.get().unwrap()));
    let place = format!("{name} at request {request}");
    assert!(time < IN_TIME, "{place}: {time:?}, {result:?}");
    proxy.heal();

    let kept = stored(&db);
    match &result {
        Ok(count) => assert_eq!((kept, *count), (2, 2), "{place}"),
        // Only the answer to the commit may be lost after all has been done.
        Err(_) if request == REQUESTS - 1 => assert!([0, 2].contains(&kept), "{place}: {kept}"),
        Err(_) => assert_eq!(kept, 0, "{place}: {result:?}"),
    }
    if let Err(Error::DatabaseError(kind, _)) = &result
        && kept == 2
    {
        assert!(
            matches!(kind, DatabaseErrorKind::ClosedConnection),
            "{place}: {kind:?}"
        );
    }

    let (again, time) = timed(|| two_steps(&mut pool.get().unwrap()));
    assert_eq!(again, Ok(kept + 2), "{place}");
    assert!(time < IN_TIME, "{place}: the next took {time:?}");
    assert_eq!(stored(&db), kept + 2, "{place}");
    assert_eq!(pool.state().connections, 1, "{place}");
}

/// The client gives up before the server does.
#[test]
fn a_slow_answer_in_a_transaction_leaves_nothing() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let url = format!("{}?request_timeout=2", proxy.origin());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    proxy.next_with("INSERT", Fault::Delay(Duration::from_secs(5)));
    two_steps(&mut conn).unwrap_err();
    assert_eq!(stored(&db), 0);
    let mut patient = LibsqlConnection::establish(&proxy.origin()).unwrap();
    assert_eq!(two_steps(&mut patient), Ok(2));
    assert_eq!(two_steps(&mut conn), Ok(4));
}

/// sqld ends a transaction after about five seconds when somebody else wants to write.
#[test]
fn a_stolen_transaction_is_an_error_until_its_end() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let stolen: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "mine")?;
        std::thread::scope(|scope| {
            let thief = scope.spawn(|| {
                let mut thief = LibsqlConnection::establish(&db.url()).unwrap();
                insert(&mut thief, "theirs")
            });
            assert_eq!(thief.join().unwrap(), Ok(1));
        });
        // A caller who does not look at one error meets the next.
        for _ in 0..3 {
            let error = insert(conn, "mine, too").unwrap_err();
            assert!(is_lost(&error), "{error:?}");
            let read = steps::table.count().get_result::<i64>(conn);
            assert!(is_lost(&read.unwrap_err()));
            let inner: QueryResult<usize> = conn.transaction(|conn| insert(conn, "inner"));
            assert!(is_lost(&inner.unwrap_err()));
        }
        Ok(())
    });
    assert!(is_lost(&stolen.unwrap_err()));
    assert_eq!(stored(&db), 1, "theirs alone");
    assert_eq!(two_steps(&mut conn), Ok(3));
}

/// A server that is locked again and again, with an answer each time, takes no longer than the
/// statement may; nor does one that does not answer while somebody holds the lock.
#[test]
fn waiting_for_a_lock_is_part_of_a_statements_time() {
    use diesel::connection::TransactionManager;
    type Manager = <LibsqlConnection as Connection>::TransactionManager;

    const LOCKED: &str = r#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":{"step_results":[null],"step_errors":[{"message":"SQLite error: database is locked","code":"SQLITE_BUSY"}]}}},{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}},{"type":"ok","response":{"type":"close"}}]}"#;
    // As long as a lock is waited for without a limit of the statement's own.
    let in_time = Duration::from_secs(5);
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let url = format!("{}?statement_timeout=1", proxy.origin());
    let mut conn = LibsqlConnection::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    proxy.always(|| Fault::Answer(answer(200, "application/json", LOCKED)));
    let (result, time) = timed(|| insert(&mut conn, "late"));
    let error = result.unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    assert!(time < in_time, "{time:?}");
    assert!(proxy.requests().len() > 5, "it is asked again and again");
    proxy.heal();

    let mut holder = LibsqlConnection::establish(&db.url()).unwrap();
    Manager::begin_transaction(&mut holder).unwrap();
    insert(&mut holder, "first").unwrap();
    let (result, time) = timed(|| insert(&mut conn, "late"));
    let error = result.unwrap_err();
    assert!(time < in_time, "{time:?}");
    let text = error.to_string();
    assert!(
        text.contains("locked") || text.contains("within 1 s"),
        "{text}"
    );
    let (result, time) = timed(|| conn.transaction(|conn| insert(conn, "late")));
    result.unwrap_err();
    assert!(time < in_time, "{time:?}");
}

fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, information)
            if information.message().contains("begin again")
    )
}

/// sqld forgets a stream that nothing came on for ten seconds, and then others may write.
#[test]
fn an_idle_transaction_ends_and_the_connection_does_not() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let mut conn = LibsqlConnection::establish(&proxy.origin()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let expired: QueryResult<usize> = conn.transaction(|conn| {
        insert(conn, "early")?;
        wait_until_others_write(&db);
        let error = insert(conn, "late").unwrap_err();
        assert!(is_lost(&error), "{error:?}");
        insert(conn, "later")
    });
    assert!(is_lost(&expired.unwrap_err()));
    assert_eq!(proxy.count("late"), 1, "what is lost is not sent to");
    assert_eq!(stored(&db), 0);
    assert_eq!(two_steps(&mut conn), Ok(2));
}

fn wait_until_others_write(db: &sqld::TestDb) {
    let mut other = LibsqlConnection::establish(&db.url()).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while other
        .batch_execute("CREATE TABLE IF NOT EXISTS free (a)")
        .is_err()
    {
        assert!(
            std::time::Instant::now() < end,
            "the transaction never ends"
        );
    }
}

/// A server that was started again knows no stream of before.
#[test]
fn a_server_that_restarts_ends_the_transaction_and_not_the_connection() {
    let mut db = sqld::TestDb::new();
    let pool = pool_of::<LibsqlConnection>(&db.url(), 1);
    pool.get().unwrap().batch_execute(CREATE).unwrap();
    for round in 0..2 {
        let result: QueryResult<()> = pool.get().unwrap().transaction(|conn| {
            insert(conn, "lost")?;
            db.restart();
            insert(conn, "lost, too")?;
            Ok(())
        });
        result.unwrap_err();
        assert_eq!(two_steps(&mut pool.get().unwrap()), Ok(2 * (round + 1)));
    }
    assert_eq!(pool.state().connections, 1);
}

/// While it is down everything is an error in time, and afterwards nothing is.
#[test]
fn a_server_that_is_down_is_an_error_and_no_more() {
    let mut db = sqld::TestDb::new();
    let url = format!("{}?statement_timeout=2", db.url());
    let pool = pool_of::<LibsqlConnection>(&url, 2);
    pool.get().unwrap().batch_execute(CREATE).unwrap();
    db.stop();
    for _ in 0..2 {
        let (result, time) = timed(|| two_steps(&mut pool.get().unwrap()));
        let error = result.unwrap_err();
        assert!(
            matches!(
                error,
                Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
            ),
            "{error:?}"
        );
        assert!(time < Duration::from_secs(2) + BUSY, "{time:?}");
    }
    db.restart();
    assert_eq!(two_steps(&mut pool.get().unwrap()), Ok(2));
}

/// Streams that nobody closes would end in 429 at 128 of them, and transactions that nobody
/// ends would hold the next writer up for five seconds each.
#[test]
fn no_stream_is_left_open() {
    let db = sqld::TestDb::new();
    LibsqlConnection::establish(&db.url())
        .unwrap()
        .batch_execute(CREATE)
        .unwrap();
    let mut slow = 0;
    for n in 0..300 {
        let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
        let (inserted, time) = timed(|| insert(&mut conn, "one"));
        inserted.unwrap();
        slow += usize::from(time > Duration::from_secs(4));
        // Errors, rollbacks and connections dropped in a transaction, too.
        insert_badly(&mut conn).unwrap_err();
        conn.transaction(insert_badly).unwrap_err();
        if n % 3 > 0 {
            use diesel::connection::TransactionManager;
            type Manager = <LibsqlConnection as Connection>::TransactionManager;
            Manager::begin_transaction(&mut conn).unwrap();
            insert(&mut conn, "forgotten").unwrap();
        }
    }
    assert_eq!(stored(&db), 300);
    // Of 200 that come after such a transaction; a busy machine may hold some up.
    assert!(slow < 20, "{slow} had to wait");
}

fn insert_badly(conn: &mut LibsqlConnection) -> QueryResult<usize> {
    diesel::sql_query("INSERT INTO steps (name) VALUES (NULL)").execute(conn)
}

/// Whoever begins by hand is told to use transaction(), and holds nothing.
#[test]
fn a_transaction_begun_by_hand_is_refused() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    for script in [
        "BEGIN IMMEDIATE",
        "BEGIN; INSERT INTO steps (name) VALUES ('x')",
    ] {
        let error = conn.batch_execute(script).unwrap_err();
        assert!(error.to_string().contains("transaction()"), "{error}");
    }
    assert_eq!(two_steps(&mut conn), Ok(2));
}

/// A panic in the middle, and a connection that goes back to its pool in a transaction.
#[test]
fn a_broken_transaction_leaves_a_usable_pool() {
    use diesel::connection::TransactionManager;
    type Manager = <LibsqlConnection as Connection>::TransactionManager;

    let db = sqld::TestDb::new();
    let pool = pool_of::<LibsqlConnection>(&db.url(), 1);
    pool.get().unwrap().batch_execute(CREATE).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.get().unwrap().transaction(|conn| {
            insert(conn, "x")?;
            assert!(stored(&db) > 100, "on purpose");
            QueryResult::Ok(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(two_steps(&mut pool.get().unwrap()), Ok(2));

    let mut conn = pool.get().unwrap();
    Manager::begin_transaction(&mut *conn).unwrap();
    insert(&mut conn, "x").unwrap();
    drop(conn);
    assert_eq!(two_steps(&mut pool.get().unwrap()), Ok(4));
}
