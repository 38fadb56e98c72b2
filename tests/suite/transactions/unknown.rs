//! Transactions that the caller began by SQL: Diesel does not know of them.

use chrono::{TimeDelta, Utc};
use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, Searchable};
use covara_diesel::{DatabaseConnection, MigrateError, Seed, auto_migrate, write_transaction};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::query_builder::QueryFragment;
use serde_json::json;
use support::boot;
use support::numbers::{self, Number};

use super::super::{chain, count, number};
use super::observers::{jobs, panics_at};
use super::panics::depth;
use crate::backend::{self, Conn, Fts, TestDb};

type Work = (&'static str, fn(&mut Conn));

/// Everything that begins a transaction of its own.
fn works() -> Vec<Work> {
    vec![
        ("a seed", |conn| {
            Seed::new().rows(numbers::up_to(100)).run(conn).unwrap();
        }),
        ("a seed that fails", |conn| {
            let wrong = support::numbers::up_to(100).map(|row| Number {
                id: row.id % 50,
                label: row.label,
                half: None,
            });
            let refused = conn.batch_execute("CREATE UNIQUE INDEX one ON numbers (half)");
            refused.unwrap();
            let _ = Seed::new().rows(wrong).run(conn);
        }),
        ("several statements", |conn| {
            let first = diesel::sql_query("INSERT INTO numbers VALUES (1001, 'a', NULL)");
            let second = diesel::sql_query("INSERT INTO numbers VALUES (1002, 'b', NULL)");
            let both: [&dyn QueryFragment<<Conn as Connection>::Backend>; 2] = [&first, &second];
            conn.execute_atomically(&both).unwrap();
        }),
        ("a session", |conn| {
            let sessions = SessionStore::new();
            sessions.create(conn, NewSession::new("ada")).unwrap();
        }),
        ("documents", |conn| {
            let many = (0..300).map(|n| (n.to_string(), json!({"title": "word"})));
            Fts.index_many(conn, "docs", many).unwrap();
            Fts.index(conn, "docs", "x", &json!({"title": "word"}))
                .unwrap();
        }),
        ("an index", |conn| {
            let definition = IndexDefinition::new().field("body", Field::text());
            Fts.create_index(conn, "more", &definition).unwrap();
        }),
        ("a transaction", |conn| {
            write_transaction(conn, |conn| {
                conn.batch_execute("INSERT INTO numbers VALUES (1001, 'a', NULL)")?;
                conn.transaction(|conn| {
                    conn.batch_execute("INSERT INTO numbers VALUES (1002, 'b', NULL)")
                })
            })
            .unwrap();
        }),
        ("a transaction that fails", |conn| {
            write_transaction(conn, |conn| {
                conn.batch_execute("INSERT INTO numbers VALUES (1001, 'a', NULL)")?;
                conn.transaction(|conn| conn.batch_execute("INSERT INTO nowhere VALUES (1)"))
            })
            .unwrap_err();
        }),
    ]
}

fn prepared() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    let definition = IndexDefinition::new().field("title", Field::text());
    Fts.create_index(&mut conn, "docs", &definition).unwrap();
    (db, conn)
}

fn everything(conn: &mut Conn) -> (i64, i64, i64, i64) {
    (
        count(conn, "numbers"),
        count(conn, "auth_sessions"),
        count(conn, "__covara_search_1"),
        i64::try_from(backend::tables(conn).len()).unwrap(),
    )
}

#[test]
fn a_transaction_begun_by_sql_is_committed_by_its_caller_only() {
    for observed in [false, true] {
        for (what, work) in works() {
            let (db, mut conn) = prepared();
            if observed {
                conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
            }
            let before = everything(&mut conn);
            conn.batch_execute("BEGIN; INSERT INTO numbers VALUES (2000, 'mine', NULL)")
                .unwrap();
            work(&mut conn);
            // And once more, as nothing may have changed about it.
            let mine = "SELECT count(*) AS n FROM numbers WHERE id = 2000";
            assert_eq!(number(&mut conn, mine), 1, "{what}");
            conn.batch_execute("ROLLBACK").unwrap();
            assert_eq!(everything(&mut conn), before, "{what}");
            assert_eq!(everything(&mut db.connect()), before, "{what}");
        }
    }
}

#[test]
fn work_in_a_transaction_begun_by_sql_is_kept_after_its_commit() {
    for (what, work) in works() {
        let (db, mut conn) = prepared();
        conn.batch_execute("BEGIN; INSERT INTO numbers VALUES (2000, 'mine', NULL)")
            .unwrap();
        work(&mut conn);
        conn.batch_execute("COMMIT").unwrap();
        let mine = "SELECT count(*) AS n FROM numbers WHERE id = 2000";
        assert_eq!(number(&mut db.connect(), mine), 1, "{what}");
        // The connection is as good as before.
        work_again(&mut conn);
        assert_eq!(
            number(
                &mut db.connect(),
                "SELECT count(*) AS n FROM numbers WHERE id = 3000"
            ),
            1,
            "{what}"
        );
    }
}

fn work_again(conn: &mut Conn) {
    write_transaction(conn, |conn| {
        conn.batch_execute("INSERT INTO numbers VALUES (3000, 'later', NULL)")
    })
    .unwrap();
}

#[test]
fn an_empty_transaction_begun_by_sql_is_detected() {
    let (db, mut conn) = prepared();
    conn.batch_execute("BEGIN").unwrap();
    Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(count(&mut db.connect(), "numbers"), 0);
}

#[test]
fn a_migration_joins_a_transaction_begun_by_sql() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let before = backend::tables(&mut conn);
    let wait = backend::lock_wait(&mut conn);
    conn.batch_execute("BEGIN").unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    assert_eq!(backend::lock_wait(&mut conn), wait);
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(backend::tables(&mut conn), before);
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

#[test]
fn a_panic_in_a_transaction_begun_by_sql_undoes_only_what_panicked() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let (db, mut conn) = prepared();
    conn.batch_execute("BEGIN; INSERT INTO numbers VALUES (2000, 'mine', NULL)")
        .unwrap();
    let rows = numbers::up_to(30_000).inspect(|row| assert!(row.id != 20_000, "the test's own"));
    let seed = AssertUnwindSafe(|| Seed::new().rows(rows).run(&mut conn));
    assert!(catch_unwind(seed).is_err());
    conn.batch_execute("COMMIT").unwrap();
    assert_eq!(count(&mut db.connect(), "numbers"), 1);
}

#[test]
fn an_observer_panic_undoes_nothing_of_a_transaction_begun_by_sql() {
    let (db, mut other) = prepared();
    for (what, job, number_of, all) in jobs() {
        for nth in 1.. {
            other.batch_execute("DELETE FROM numbers").unwrap();
            for id in ["0", "1", "2"] {
                Fts.delete(&mut other, "docs", id).unwrap();
            }
            let mut conn = db.connect();
            conn.batch_execute("BEGIN; INSERT INTO numbers VALUES (2000, 'mine', NULL)")
                .unwrap();
            let panicked = panics_at(&mut conn, nth, job);
            assert_eq!(depth(&mut conn), 0, "{what}, event {nth}");
            conn.batch_execute("INSERT INTO numbers VALUES (2001, 'also mine', NULL)")
                .unwrap_or_else(|error| panic!("{what}, event {nth}: {error}"));
            let seen = number(
                &mut other,
                "SELECT count(*) AS n FROM numbers WHERE id >= 2000",
            );
            assert_eq!(seen, 0, "{what}, event {nth}: it was ended");
            conn.batch_execute("COMMIT").unwrap();
            let mine = "SELECT count(*) AS n FROM numbers WHERE id >= 2000";
            assert_eq!(number(&mut other, mine), 2, "{what}, event {nth}");
            other
                .batch_execute("DELETE FROM numbers WHERE id >= 2000")
                .unwrap();
            let kept = number_of(&mut other);
            assert!(kept == 0 || kept == all, "{what}, event {nth}: {kept}");
            work_again(&mut conn);
            if !panicked {
                assert!(nth > 1, "{what}: no event");
                break;
            }
        }
    }
}

#[test]
fn a_migration_that_must_run_outside_of_transactions_is_refused_inside_one() {
    let db = TestDb::new();
    let mut conn = db.connect();
    boot::boot_with(|| boot::PLAIN).run(&mut conn).unwrap();
    let before = backend::tables(&mut conn);
    conn.batch_execute("BEGIN; INSERT INTO authors VALUES (2000, 'mine')")
        .unwrap();
    let error = boot::boot().run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::OutsideTransaction { .. }),
        "{error:?}"
    );
    conn.batch_execute("COMMIT").unwrap();
    assert_eq!(backend::tables(&mut conn), before);
    assert_eq!(count(&mut db.connect(), "authors"), 2);
}

#[test]
fn a_transaction_that_has_failed_already_is_an_error() {
    let (_db, mut conn) = prepared();
    conn.batch_execute("BEGIN").unwrap();
    conn.batch_execute("INSERT INTO nowhere VALUES (1)")
        .unwrap_err();
    let seeded = Seed::new().rows(numbers::up_to(10)).run(&mut conn);
    if let Err(error) = &seeded {
        assert!(chain(error).contains("aborted"), "{}", chain(error));
    }
    conn.batch_execute("ROLLBACK").unwrap();
    assert_eq!(count(&mut conn, "numbers"), 0);
    Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    assert_eq!(count(&mut conn, "numbers"), 10);
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

#[test]
fn the_lock_wait_is_restored_in_a_transaction_begun_by_sql() {
    let (_db, mut conn) = prepared();
    conn.batch_execute(
        "CREATE TABLE notices (id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL)",
    )
    .unwrap();
    Fts.follow::<_, Notice>(&mut conn).unwrap();
    let earlier = SessionStore::new().clock(|| Utc::now() - TimeDelta::hours(1));
    let session = earlier.create(&mut conn, NewSession::new("ada")).unwrap();
    let wait = backend::lock_wait(&mut conn);

    conn.batch_execute("BEGIN; INSERT INTO notices VALUES (1, 'word')")
        .unwrap();
    let touched = SessionStore::new().find_and_touch(&mut conn, &session.id);
    assert!(touched.unwrap().unwrap().expires_at > session.expires_at);
    assert_eq!(backend::lock_wait(&mut conn), wait, "after a touch");
    let found = Fts.search(&mut conn, Notice::INDEX, &SearchQuery::new("word"));
    assert_eq!(found.unwrap().hits.len(), 1);
    assert_eq!(backend::lock_wait(&mut conn), wait, "after a search");
    conn.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn a_search_without_any_index_leaves_the_transaction_usable() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute("BEGIN; INSERT INTO numbers VALUES (1, 'one', NULL)")
        .unwrap();
    let found = Fts.search(&mut conn, "docs", &SearchQuery::new("word"));
    assert_eq!(found.unwrap().total, 0);
    assert!(!Fts.index_exists(&mut conn, "docs").unwrap());
    conn.batch_execute("COMMIT").unwrap();
    assert_eq!(count(&mut conn, "numbers"), 1);
}
