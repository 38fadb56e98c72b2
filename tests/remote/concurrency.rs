//! Many at once on remote databases.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use covara_diesel::remote::LibsqlConnection;
use covara_diesel::search::{SearchAdapter, SearchQuery, Searchable, SqliteFts};
use covara_diesel::{DatabaseConnection, pool, write_transaction};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use support::fault_proxy::{Fault, FaultProxy, answer};
use support::places::Place;
use support::{d1, sqld, workers};

use super::{Remote, pool_of};

diesel::table! {
    counters (id) {
        id -> BigInt,
        value -> BigInt,
    }
}

const CREATE: &str =
    "CREATE TABLE counters (id INTEGER PRIMARY KEY NOT NULL, value BIGINT NOT NULL);
    INSERT INTO counters VALUES (1, 0)";
const WRITERS: usize = 8;
const TRANSACTIONS: i64 = 1_000;

/// What is read before is what is written on: one lost would be missing at the end.
fn count_up(conn: &mut LibsqlConnection) -> QueryResult<()> {
    conn.transaction(|conn| {
        let value: i64 = counters::table
            .find(1)
            .select(counters::value)
            .first(conn)?;
        diesel::update(counters::table.find(1))
            .set(counters::value.eq(value + 1))
            .execute(conn)?;
        Ok(())
    })
}

#[test]
fn eight_writers_lose_no_update_on_libsql() {
    let db = sqld::TestDb::new();
    // Every writer has a connection; through one pool, as in a program.
    let pool = pool_of::<LibsqlConnection>(&db.url(), 8);
    pool.get().unwrap().batch_execute(CREATE).unwrap();
    let start = Barrier::new(WRITERS);
    let failures: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    (0..TRANSACTIONS / 8)
                        .filter(|_| {
                            let result = count_up(&mut pool.get().unwrap());
                            if let Err(error) = &result {
                                eprintln!("{error:?}");
                            }
                            result.is_err()
                        })
                        .count()
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum()
    });
    assert_eq!(failures, 0);
    let value: i64 = counters::table
        .select(counters::value)
        .first(&mut pool.get().unwrap())
        .unwrap();
    assert_eq!(value, TRANSACTIONS);
}

/// Readers are served while a writer is at work, and see nothing of it before its end.
#[test]
fn readers_do_not_wait_for_a_writer_on_libsql() {
    let db = sqld::TestDb::new();
    let mut writer = LibsqlConnection::establish(&db.url()).unwrap();
    writer.batch_execute(CREATE).unwrap();
    let read = || {
        let mut reader = LibsqlConnection::establish(&db.url()).unwrap();
        let both = reader.read_transaction(|reader| {
            let read = || counters::table.select(counters::value);
            QueryResult::Ok((read().first::<i64>(reader)?, read().first::<i64>(reader)?))
        });
        both.unwrap()
    };
    writer
        .transaction(|writer| {
            diesel::update(counters::table)
                .set(counters::value.eq(7))
                .execute(writer)?;
            assert_eq!(read(), (0, 0));
            QueryResult::Ok(())
        })
        .unwrap();
    assert_eq!(read(), (7, 7));
}

/// Whose server holds the answer to a write back until other writers are through.
#[test]
fn a_search_on_libsql_does_not_wait_for_a_writer() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO places VALUES (1, 'one')",
    )
    .unwrap();
    SqliteFts.follow::<_, Place>(&mut conn).unwrap();
    let found = |conn: &mut LibsqlConnection, words: &str| {
        let found = SqliteFts.search(conn, Place::INDEX, &SearchQuery::new(words));
        found.unwrap().total
    };
    assert_eq!(found(&mut conn, "one"), 1);
    conn.batch_execute("INSERT INTO places VALUES (2, 'two')")
        .unwrap();
    let mut writer = LibsqlConnection::establish(&db.url()).unwrap();
    writer
        .transaction(|writer| {
            writer.batch_execute("INSERT INTO places VALUES (3, 'two')")?;
            assert_eq!(found(&mut conn, "one"), 1);
            // If that waited, the server would have ended the transaction after five seconds.
            writer.batch_execute("INSERT INTO places VALUES (4, 'two')")
        })
        .unwrap();
    // In a transaction, which has its lock, it takes the time that it takes.
    conn.transaction(|conn| {
        assert_eq!(found(conn, "two"), 3);
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(found(&mut conn, "two"), 3);
}

/// A server may also say at once that others write.
#[test]
fn a_write_transaction_waits_where_the_busy_timeout_is_0() {
    const LOCKED: &str = r#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":{"step_results":[null],"step_errors":[{"message":"SQLite error: database is locked","code":"SQLITE_BUSY"}]}}},{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}}]}"#;
    let db = sqld::TestDb::new();
    let proxy = FaultProxy::new(&db.url());
    let mut config = pool::recommended_pool_config(pool::PoolDriver::Libsql);
    config.busy_timeout = Duration::ZERO;
    let pool = pool::libsql_with(proxy.origin(), &config).unwrap();
    let mut conn = pool.get().unwrap();
    for _ in 0..3 {
        proxy.next(Fault::Answer(answer(200, "application/json", LOCKED)));
    }
    write_transaction(&mut conn, |conn| conn.batch_execute(CREATE)).unwrap();
    // Diesel's own fails at once, as it was asked to.
    proxy.next(Fault::Answer(answer(200, "application/json", LOCKED)));
    conn.transaction(|_| QueryResult::Ok(())).unwrap_err();
}

/// Eight statements at once that are each complete in themselves.
fn single_statements<R: Remote>() {
    let server = R::start();
    let url = server.url_at(&server.origin(), "");
    let mut conn = R::Conn::establish(&url).unwrap();
    conn.batch_execute(CREATE).unwrap();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut conn = R::Conn::establish(&url).unwrap();
                for _ in 0..25 {
                    add_one(&mut conn).unwrap();
                }
            });
        }
    });
    let value: i64 = counters::table
        .select(counters::value)
        .first(&mut conn)
        .unwrap();
    assert_eq!(value, 200);
}

fn add_one<C: DatabaseConnection<Backend = Sqlite>>(conn: &mut C) -> QueryResult<usize> {
    diesel::update(counters::table.find(1))
        .set(counters::value.eq(counters::value + 1))
        .execute(conn)
}

#[test]
fn single_statements_at_once_on_libsql() {
    single_statements::<sqld::TestDb>();
}

#[test]
fn single_statements_at_once_on_d1() {
    single_statements::<d1::TestDb>();
}

fn boots<R: Remote>() {
    for round in 0..10 {
        let server = R::start();
        let url = server.url_at(&server.origin(), "");
        let applied: usize = workers::run(env!("CARGO_BIN_EXE_worker"), &url, 8, |n| {
            if n % 2 == 0 {
                "migrate"
            } else {
                "migrate-pooled"
            }
        })
        .iter()
        .map(|printed| printed.parse::<usize>().unwrap())
        .sum();
        assert_eq!(applied, 4, "round {round}: each version is applied by one");
        let mut conn = R::Conn::establish(&url).unwrap();
        for (table, rows) in [("__covara_migrations", 4), ("auth_sessions", 0)] {
            let count = diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!(
                "(SELECT count(*) FROM {table})"
            ));
            let count: i64 = diesel::select(count).get_result(&mut conn).unwrap();
            assert_eq!(count, rows, "{table}");
        }
    }
}

#[test]
fn eight_processes_boot_at_once_on_libsql() {
    boots::<sqld::TestDb>();
}

#[test]
fn eight_processes_boot_at_once_on_d1() {
    boots::<d1::TestDb>();
}
