//! A panic in Diesel's instrumentation, which the caller catches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{TimeDelta, Utc};
use covara_diesel::auth::{NewSession, SessionId, SessionStore};
use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, Searchable};
use covara_diesel::{DatabaseConnection, Seed, auto_migrate, write_transaction};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::result::Error;
use serde_json::json;
use support::numbers as rows;

use super::super::{count, number};
use super::panics::{depth, panics};
use crate::backend::{self, Conn, Fts, TestDb};

/// Runs `work` with an observer that panics at its `nth` event, once, and returns whether it did.
pub(super) fn panics_at(conn: &mut Conn, nth: usize, work: impl FnOnce(&mut Conn)) -> bool {
    let mut events = 0;
    conn.set_instrumentation(move |_: InstrumentationEvent<'_>| {
        events += 1;
        assert!(events != nth, "a panic of the test's own");
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| work(conn))).is_err();
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    panicked
}

/// Work, and a number that is 0 before it and this afterwards.
pub(super) type Job = (&'static str, fn(&mut Conn), fn(&mut Conn) -> i64, i64);

fn written(conn: &mut Conn) -> i64 {
    count(conn, "numbers")
}

fn indexed(conn: &mut Conn) -> i64 {
    let found = Fts.search(conn, "docs", &SearchQuery::new("word")).unwrap();
    i64::try_from(found.total).unwrap()
}

pub(super) fn jobs() -> Vec<Job> {
    vec![
        (
            "seed",
            |conn| {
                Seed::new().rows(rows::up_to(40)).run(conn).unwrap();
            },
            written,
            40,
        ),
        (
            "several statements",
            |conn| {
                let first = diesel::sql_query("INSERT INTO numbers VALUES (1, 'one', NULL)");
                let second = diesel::sql_query("INSERT INTO numbers VALUES (2, 'two', NULL)");
                let both: [&dyn QueryFragment<<Conn as Connection>::Backend>; 2] =
                    [&first, &second];
                conn.execute_atomically(&both).unwrap();
            },
            written,
            2,
        ),
        (
            "documents",
            |conn| {
                let many = (0..3).map(|n| (n.to_string(), json!({"title": "word"})));
                Fts.index_many(conn, "docs", many).unwrap();
            },
            indexed,
            3,
        ),
        (
            "a transaction of the caller's",
            |conn| {
                write_transaction(conn, |conn| {
                    conn.batch_execute("INSERT INTO numbers VALUES (1, 'one', NULL)")?;
                    conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")
                })
                .unwrap();
            },
            written,
            2,
        ),
    ]
}

/// A database with what the jobs write to.
fn db_of_jobs() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(rows::CREATE).unwrap();
    let definition = IndexDefinition::new().field("title", Field::text());
    Fts.create_index(&mut conn, "docs", &definition).unwrap();
    (db, conn)
}

/// Deletes what the jobs have written.
fn take_back(conn: &mut Conn) {
    conn.batch_execute("DELETE FROM numbers").unwrap();
    for id in ["0", "1", "2"] {
        Fts.delete(conn, "docs", id).unwrap();
    }
}

#[test]
fn an_observer_that_panics_leaves_all_or_nothing() {
    let (db, mut other) = db_of_jobs();
    for (what, job, number_of, all) in jobs() {
        let mut nth = 1;
        loop {
            take_back(&mut other);
            let mut conn = db.connect();
            let panicked = panics_at(&mut conn, nth, job);
            assert_eq!(depth(&mut conn), 0, "{what}, event {nth}");
            let kept = number_of(&mut conn);
            assert!(kept == 0 || kept == all, "{what}, event {nth}: {kept}");
            conn.batch_execute("INSERT INTO numbers VALUES (70, 'seventy', NULL)")
                .unwrap();
            let seen = number(
                &mut other,
                "SELECT count(*) AS n FROM numbers WHERE id = 70",
            );
            assert_eq!(
                seen, 1,
                "{what}, event {nth}: nobody else sees what is written"
            );
            if !panicked {
                assert_eq!(kept, all);
                assert!(nth > 1, "{what}: no event");
                break;
            }
            nth += 3;
        }
    }
}

/// Runs inside a transaction of the caller's, which continues.
#[test]
fn an_observer_that_panics_takes_nothing_of_the_callers_transaction() {
    let (db, mut other) = db_of_jobs();
    for (what, job, number_of, all) in jobs() {
        let mut nth = 1;
        loop {
            take_back(&mut other);
            let mut conn = db.connect();
            let mut panicked = false;
            conn.transaction(|conn| {
                conn.batch_execute("INSERT INTO numbers VALUES (70, 'seventy', NULL)")?;
                panicked = panics_at(conn, nth, job);
                assert_eq!(depth(conn), 1, "{what}, event {nth}");
                conn.batch_execute("INSERT INTO numbers VALUES (71, 'more', NULL)")
            })
            .unwrap_or_else(|error| panic!("{what}, event {nth}: {error}"));
            let mine = "SELECT count(*) AS n FROM numbers WHERE id >= 70";
            assert_eq!(number(&mut other, mine), 2, "{what}, event {nth}");
            other
                .batch_execute("DELETE FROM numbers WHERE id >= 70")
                .unwrap();
            let kept = number_of(&mut other);
            assert!(kept == 0 || kept == all, "{what}, event {nth}: {kept}");
            if !panicked {
                assert!(nth > 1, "{what}: no event");
                break;
            }
            nth += 1;
        }
    }
}

#[test]
fn a_connection_whose_observer_always_panics_returns_errors() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(rows::CREATE).unwrap();
    let mut armed = false;
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        armed |= matches!(&event, InstrumentationEvent::StartQuery { query, .. }
            if query.to_string().contains("numbers"));
        assert!(!armed, "a panic of the test's own");
    });
    panics(&mut conn, |conn| {
        let _ = write_transaction(conn, |conn| {
            conn.batch_execute("INSERT INTO numbers VALUES (1, 'one', NULL)")
        });
    });
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let refused = write_transaction(&mut conn, |_| QueryResult::Ok(()));
    assert!(
        matches!(refused, Err(Error::BrokenTransactionManager)),
        "{refused:?}"
    );
    drop(conn);
    assert_eq!(count(&mut db.connect(), "numbers"), 0);
}

#[test]
fn a_migration_that_an_observer_interrupts_is_kept_as_a_whole_or_not() {
    let mut nth = 1;
    loop {
        let db = TestDb::new();
        let mut conn = db.connect();
        let panicked = panics_at(&mut conn, nth, |conn| {
            auto_migrate(conn).unwrap();
        });
        assert_eq!(depth(&mut conn), 0, "event {nth}");
        let left = auto_migrate(&mut conn).unwrap().applied.len();
        assert!(left == 0 || left == 4, "event {nth}: {left}");
        if !panicked {
            break;
        }
        nth += 7;
    }
}

diesel::table! {
    notices (id) {
        id -> BigInt,
        title -> Text,
    }
}

#[derive(serde::Serialize, Searchable)]
#[diesel(table_name = notices)]
struct Notice {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    title: String,
}

type WaitingWork = (&'static str, fn(&mut Conn, &SessionId));

/// Work that waits for locks for another time than the connection does.
fn waiting_works() -> Vec<WaitingWork> {
    vec![
        ("a search", |conn, _| {
            let found = Fts.search(conn, Notice::INDEX, &SearchQuery::new("word"));
            found.unwrap();
        }),
        ("a touch", |conn, id| {
            let later = SessionStore::new().clock(|| Utc::now() + TimeDelta::hours(1));
            later.find_and_touch(conn, id).unwrap();
        }),
        ("a seed", |conn, _| {
            Seed::new().rows(rows::up_to(3)).run(conn).unwrap();
        }),
    ]
}

#[test]
fn an_observer_that_panics_leaves_the_lock_wait_as_it_was() {
    let db = TestDb::new();
    let mut other = db.connect();
    auto_migrate(&mut other).unwrap();
    other.batch_execute(rows::CREATE).unwrap();
    other
        .batch_execute("CREATE TABLE notices (id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL)")
        .unwrap();
    Fts.follow::<_, Notice>(&mut other).unwrap();
    let sessions = SessionStore::new();
    let session = sessions.create(&mut other, NewSession::new("ada")).unwrap();
    for (what, work) in waiting_works() {
        let (mut nth, mut without) = (1, 0);
        // A panic while the wait is restored may not come through.
        while without < 3 {
            other
                .batch_execute(&format!("INSERT INTO notices VALUES ({nth}, 'word')"))
                .unwrap();
            let mut conn = db.connect();
            conn.batch_execute(backend::WAIT_LONG).unwrap();
            let wait = backend::lock_wait(&mut conn);
            let panicked = panics_at(&mut conn, nth, |conn| work(conn, &session.id));
            assert_eq!(backend::lock_wait(&mut conn), wait, "{what}, event {nth}");
            without = if panicked { 0 } else { without + 1 };
            nth += 1;
        }
        assert!(nth > 6, "{what}");
        other.batch_execute("DELETE FROM notices").unwrap();
    }
}
