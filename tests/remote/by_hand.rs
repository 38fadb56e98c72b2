//! Transactions that are ended by hand in the middle of `transaction()`: what is said of them
//! afterwards is true.

use covara_diesel::remote::LibsqlConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use support::fault_proxy::{Fault, FaultProxy};
use support::sqld;

diesel::table! {
    steps (id) {
        id -> BigInt,
        name -> Text,
    }
}

const CREATE: &str =
    "CREATE TABLE steps (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE)";

fn insert(conn: &mut LibsqlConnection, name: &str) -> QueryResult<usize> {
    diesel::insert_into(steps::table)
        .values(steps::name.eq(name))
        .execute(conn)
}

fn names(db: &sqld::TestDb) -> Vec<String> {
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let all = steps::table.select(steps::name).order(steps::id);
    all.load(&mut conn).unwrap()
}

fn opened() -> (sqld::TestDb, LibsqlConnection) {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    (db, conn)
}

fn is_kept(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("COMMIT") && text.contains("is kept") && !text.contains("nothing of it is kept")
}

fn is_undone(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("ROLLBACK") && text.contains("nothing of it is kept")
}

/// Another transaction, a nested one and its roll-back work as if nothing had been.
fn works(conn: &mut LibsqlConnection, db: &sqld::TestDb) {
    let before = names(db).len();
    conn.transaction(|conn| {
        let inner: QueryResult<()> = conn.transaction(|conn| {
            insert(conn, &format!("undone {before}"))?;
            Err(Error::RollbackTransaction)
        });
        assert_eq!(inner, Err(Error::RollbackTransaction));
        insert(conn, &format!("done {before}"))
    })
    .unwrap();
    assert_eq!(names(db).len(), before + 1);
}

#[test]
fn the_error_after_a_commit_by_hand_says_that_it_was_kept() {
    for by_query in [false, true] {
        for commit in ["COMMIT", "END TRANSACTION", "/* x */ commit;"] {
            let (db, mut conn) = opened();
            let result: QueryResult<()> = conn.transaction(|conn| {
                insert(conn, "kept")?;
                if by_query {
                    diesel::sql_query(commit).execute(conn)?;
                } else {
                    conn.batch_execute(commit)?;
                }
                Ok(())
            });
            let error = result.unwrap_err();
            assert!(is_kept(&error), "{error}");
            assert_eq!(names(&db), ["kept"]);
            works(&mut conn, &db);
        }
    }
}

#[test]
fn statements_after_a_commit_by_hand_are_refused() {
    let (db, mut conn) = opened();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "kept")?;
        conn.batch_execute("COMMIT")?;
        for _ in 0..2 {
            let error = insert(conn, "not done").unwrap_err();
            assert!(is_kept(&error), "{error}");
            let read = steps::table.count().get_result::<i64>(conn);
            assert!(is_kept(&read.unwrap_err()));
        }
        Err(Error::RollbackTransaction)
    });
    // Whoever wants it rolled back hears that it cannot be, as on a file.
    assert!(is_kept(&result.unwrap_err()));
    assert_eq!(names(&db), ["kept"]);
    works(&mut conn, &db);
}

#[test]
fn the_error_after_a_rollback_by_hand_says_that_it_is_gone() {
    let (db, mut conn) = opened();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "gone")?;
        conn.batch_execute("ROLLBACK")?;
        let error = insert(conn, "not done").unwrap_err();
        assert!(is_undone(&error), "{error}");
        Ok(())
    });
    let error = result.unwrap_err();
    assert!(is_undone(&error), "{error}");
    let result: QueryResult<()> = conn.transaction(|conn| {
        conn.batch_execute("ROLLBACK")?;
        Err(Error::NotFound)
    });
    let error = result.unwrap_err();
    assert!(is_undone(&error), "{error}");
    assert_eq!(names(&db), [""; 0]);
    works(&mut conn, &db);
}

#[test]
fn a_script_that_commits_half_way_says_so() {
    let (db, mut conn) = opened();
    let result: QueryResult<()> = conn.transaction(|conn| {
        let script = "INSERT INTO steps (name) VALUES ('a'); COMMIT;
            INSERT INTO steps (name) VALUES ('b')";
        let error = conn.batch_execute(script).unwrap_err();
        assert!(is_kept(&error), "{error}");
        Err(error)
    });
    assert!(is_kept(&result.unwrap_err()));
    assert_eq!(names(&db), ["a"]);
    works(&mut conn, &db);
}

/// What only looks like the end of the transaction is not.
#[test]
fn savepoints_by_hand_leave_the_transaction_open() {
    let (db, mut conn) = opened();
    conn.transaction(|conn| {
        conn.batch_execute(
            "SAVEPOINT mine; INSERT INTO steps (name) VALUES ('gone');
             ROLLBACK TO mine; RELEASE mine;
             SAVEPOINT \"commit\"; ROLLBACK TRANSACTION TO SAVEPOINT \"commit\"",
        )?;
        insert(conn, "kept")
    })
    .unwrap();
    assert_eq!(names(&db), ["kept"]);
}

#[test]
fn a_commit_by_hand_in_a_nested_transaction_leaves_a_usable_connection() {
    let (db, mut conn) = opened();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "outer")?;
        let inner: QueryResult<()> = conn.transaction(|conn| {
            insert(conn, "inner")?;
            conn.batch_execute("COMMIT")
        });
        assert!(is_kept(&inner.unwrap_err()));
        Ok(())
    });
    assert!(is_kept(&result.unwrap_err()));
    assert_eq!(names(&db), ["outer", "inner"]);
    works(&mut conn, &db);
}

/// A savepoint that cannot be released, because its transaction ended and nobody looked at the
/// error.
#[test]
fn a_nested_transaction_that_was_lost_leaves_a_usable_connection() {
    let (db, mut conn) = opened();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "gone")?;
        let inner: QueryResult<()> = conn.transaction(|conn| {
            let ignored =
                conn.batch_execute("INSERT OR ROLLBACK INTO steps (id, name) VALUES (90, 'gone')");
            assert!(ignored.is_err());
            Ok(())
        });
        inner.unwrap_err();
        Ok(())
    });
    let error = result.unwrap_err();
    assert!(
        error.to_string().contains("nothing of it is kept"),
        "{error}"
    );
    assert_eq!(names(&db), [""; 0]);
    works(&mut conn, &db);
}

#[test]
fn an_answer_to_a_commit_by_hand_that_is_lost_leaves_it_open() {
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let mut conn = LibsqlConnection::establish(&proxy.origin()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    let result: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "kept")?;
        proxy.next_with("COMMIT", Fault::CloseAfter);
        conn.batch_execute("COMMIT").unwrap_err();
        let error = insert(conn, "not done").unwrap_err();
        assert!(
            !error.to_string().contains("nothing of it is kept"),
            "{error}"
        );
        assert!(error.to_string().contains("may or may not"), "{error}");
        Ok(())
    });
    let error = result.unwrap_err();
    assert!(error.to_string().contains("may or may not"), "{error}");
    assert_eq!(names(&db), ["kept"]);
    works(&mut conn, &db);
}

/// Outside of `transaction()`, a script has its own transaction or none.
#[test]
fn the_first_error_of_a_script_is_returned() {
    let (db, mut conn) = opened();
    insert(&mut conn, "twice").unwrap();
    for (script, words) in [
        (
            "BEGIN; INSERT INTO nowhere VALUES (1); COMMIT",
            "no such table: nowhere",
        ),
        (
            "BEGIN IMMEDIATE; INSERT INTO steps (name) VALUES ('x');
             INSERT INTO steps (name) VALUES ('twice'); COMMIT",
            "UNIQUE constraint failed",
        ),
        (
            "SAVEPOINT a; SELECT * FROM nowhere; RELEASE a",
            "no such table: nowhere",
        ),
        ("BEGIN; SELECT 1 1; COMMIT", "syntax error"),
    ] {
        let error = conn.batch_execute(script).unwrap_err();
        assert!(error.to_string().contains(words), "{script}: {error}");
        assert_eq!(names(&db), ["twice"], "{script}");
    }
    conn.batch_execute("BEGIN; INSERT INTO steps (name) VALUES ('whole'); COMMIT")
        .unwrap();
    assert_eq!(names(&db), ["twice", "whole"]);
    works(&mut conn, &db);
}
