//! Transactions that read and then write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::thread;

use covara_diesel::auth::{AuthError, NewSession, SessionStore};
use covara_diesel::search::SearchError;
use covara_diesel::{
    MigrateError, Seed, SeedError, auto_migrate, open, with_typed, write_transaction,
};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::result::Error;
use support::numbers::{self as rows, numbers};

use super::super::helpers::url_to_open;
use super::super::{count, number};
use crate::backend::{self, Conn, TestDb};

const COUNTER: &str = "INSERT INTO numbers VALUES (1, 'counter', 0)";
const COUNTED: &str = "SELECT half AS n FROM numbers WHERE id = 1";

fn prepared() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(rows::CREATE).unwrap();
    conn.batch_execute(COUNTER).unwrap();
    (db, conn)
}

/// Reads, and then writes what it read and one more. PostgreSQL has no lock for both.
macro_rules! add_one_on {
    ($conn:expr) => {
        write_transaction($conn, |conn| {
            with_typed!(conn, |conn| {
                let row = numbers::table.find(1);
                let read: Option<i64> = row.select(numbers::half).get_result(conn)?;
                diesel::update(numbers::table.find(1))
                    .set(numbers::half.eq(read.map(|read| read + 1)))
                    .execute(conn)
                    .map(drop)
            })
        })
    };
}

fn add_one(conn: &mut Conn) -> QueryResult<()> {
    add_one_on!(conn)
}

/// Without a single failure, also on connections without any setting.
#[test]
fn eight_threads_read_and_then_write() {
    let (db, mut conn) = prepared();
    // As pools do: a reader does not stand in a writer's way.
    drop(backend::pool(&db.url()));
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (mut conn, start) = (db.connect(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for _ in 0..20 {
                    add_one(&mut conn).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let counted = number(&mut conn, COUNTED);
    match backend::DIALECT {
        covara_diesel::Dialect::Sqlite => assert_eq!(counted, 160),
        covara_diesel::Dialect::Postgres => assert!((20..=160).contains(&counted), "{counted}"),
    }
}

/// Takes one away if there is one, in the form that the documentation shows.
fn take_one(conn: &mut Conn) -> QueryResult<usize> {
    write_transaction(conn, |conn| {
        let enough = numbers::table.find(1).filter(numbers::half.ge(1));
        diesel::update(enough)
            .set(numbers::half.eq(numbers::half - 1))
            .execute(conn)
    })
}

#[test]
fn eight_threads_never_take_more_than_the_stock() {
    let (db, mut conn) = prepared();
    drop(backend::pool(&db.url()));
    conn.batch_execute("UPDATE numbers SET half = 100 WHERE id = 1")
        .unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let mut conn = db.connect();
            thread::spawn(move || (0..20).map(|_| take_one(&mut conn).unwrap()).sum::<usize>())
        })
        .collect();
    let taken: usize = threads.into_iter().map(|one| one.join().unwrap()).sum();
    assert_eq!((taken, number(&mut conn, COUNTED)), (100, 0));
}

#[test]
fn an_error_and_a_panic_roll_back() {
    let (db, mut conn) = prepared();
    let error = write_transaction(&mut conn, |conn| {
        conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")?;
        Err::<(), _>(Error::NotFound)
    });
    assert_eq!(error, Err(Error::NotFound));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        write_transaction(&mut conn, |conn| {
            conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")?;
            assert_eq!(count(conn, "numbers"), 1, "a panic of the test's own");
            QueryResult::Ok(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(count(&mut conn, "numbers"), 1);
    add_one(&mut conn).unwrap();
    assert_eq!(number(&mut db.connect(), COUNTED), 1);
}

/// PostgreSQL takes back a transaction in which a statement failed, and answers its `COMMIT` as if
/// it had been kept.
#[test]
fn work_around_a_failed_statement_is_kept_or_the_commit_is_an_error() {
    let (db, mut conn) = prepared();
    for observed in [false, true] {
        if observed {
            conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        }
        let done = write_transaction(&mut conn, |conn| {
            conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")?;
            conn.batch_execute(COUNTER).unwrap_err();
            QueryResult::Ok(())
        });
        let kept = count(&mut db.connect(), "numbers") - 1;
        match backend::DIALECT {
            covara_diesel::Dialect::Sqlite => assert_eq!((done, kept), (Ok(()), 1)),
            covara_diesel::Dialect::Postgres => {
                let error = done.unwrap_err().to_string();
                assert!(error.contains("rolled back"), "{error}");
                assert_eq!(kept, 0);
            }
        }
        // What failed in a transaction of its own is no matter on either.
        conn.batch_execute("DELETE FROM numbers WHERE id = 2")
            .unwrap();
        write_transaction(&mut conn, |conn| {
            conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")?;
            write_transaction(conn, |conn| conn.batch_execute(COUNTER)).unwrap_err();
            QueryResult::Ok(())
        })
        .unwrap();
        assert_eq!(count(&mut db.connect(), "numbers"), 2);
        conn.batch_execute("DELETE FROM numbers WHERE id = 2")
            .unwrap();
    }
}

#[test]
fn a_nested_write_transaction_is_a_savepoint() {
    let (db, mut conn) = prepared();
    conn.transaction(|conn| {
        add_one(conn)?;
        write_transaction(conn, |conn| {
            add_one(conn)?;
            conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")?;
            Err::<(), _>(Error::RollbackTransaction)
        })
        .unwrap_err();
        write_transaction(conn, add_one)
    })
    .unwrap();
    assert_eq!(number(&mut db.connect(), COUNTED), 2);
    assert_eq!(count(&mut conn, "numbers"), 1);
}

#[test]
fn leaving_a_transaction_open_or_ending_it_inside_is_an_error() {
    use diesel::connection::{Connection, TransactionManager};

    let (db, mut conn) = prepared();
    let error = write_transaction(&mut conn, |conn| {
        <Conn as Connection>::TransactionManager::begin_transaction(conn)?;
        conn.batch_execute("INSERT INTO numbers VALUES (2, 'two', NULL)")
    })
    .unwrap_err();
    assert!(error.to_string().contains("still open"), "{error}");
    assert_eq!(count(&mut db.connect(), "numbers"), 1);
    let error = write_transaction(&mut conn, |conn| {
        <Conn as Connection>::TransactionManager::rollback_transaction(conn)
    })
    .unwrap_err();
    assert!(error.to_string().contains("ended inside"), "{error}");
    add_one(&mut conn).unwrap();
    assert_eq!(number(&mut db.connect(), COUNTED), 1);
}

#[test]
fn each_areas_error_can_be_the_closures_error() {
    let (db, mut conn) = prepared();
    auto_migrate(&mut conn).unwrap();
    let sessions = SessionStore::new();
    let made: Result<_, AuthError> = write_transaction(&mut conn, |conn| {
        sessions.create(conn, NewSession::new("ada"))?;
        diesel::delete(numbers::table.find(99)).execute(conn)?;
        Err::<(), _>(Error::NotFound.into())
    });
    let Err(AuthError::Database(error)) = made else {
        panic!("{made:?}")
    };
    assert_eq!(error.diesel(), Some(&Error::NotFound));
    assert_eq!(count(&mut conn, "auth_sessions"), 0);
    let seeded: Result<_, SeedError> = write_transaction(&mut conn, |conn| {
        Seed::new().rows(rows::up_to(10)).run(conn)?;
        Err::<(), _>(Error::NotFound.into())
    });
    assert!(matches!(seeded, Err(SeedError::Database(_))));
    let found: Result<(), SearchError> =
        write_transaction(&mut conn, |_| Err(Error::NotFound.into()));
    assert!(matches!(found, Err(SearchError::Database(_))));
    let migrated: Result<(), MigrateError> =
        write_transaction(&mut conn, |_| Err(Error::NotFound.into()));
    assert!(matches!(migrated, Err(MigrateError::Database(_))));
    assert_eq!(count(&mut db.connect(), "numbers"), 1);
}

#[test]
fn write_transaction_takes_pooled_and_any_connections() {
    let (db, mut conn) = prepared();
    let mut pooled = backend::pool(&db.url()).get().unwrap();
    let added: QueryResult<()> = add_one_on!(&mut pooled);
    added.unwrap();
    drop(pooled);
    let mut any = open(url_to_open(db.url())).unwrap().get().unwrap();
    let added: QueryResult<()> = add_one_on!(&mut any);
    added.unwrap();
    let error = write_transaction(&mut any, |conn| {
        add_one_on!(conn)?;
        Err::<(), _>(Error::RollbackTransaction)
    });
    assert_eq!(error, Err(Error::RollbackTransaction));
    assert_eq!(number(&mut conn, COUNTED), 2);
}

#[test]
fn the_lock_wait_is_restored_after_a_write_transaction() {
    let (_db, mut conn) = prepared();
    let wait = backend::lock_wait(&mut conn);
    add_one(&mut conn).unwrap();
    assert_eq!(backend::lock_wait(&mut conn), wait);
    write_transaction(&mut conn, |_| Err::<(), _>(Error::NotFound)).unwrap_err();
    assert_eq!(backend::lock_wait(&mut conn), wait);
    // After a seed that failed as well.
    let rows = rows::up_to(10).chain([rows::Number {
        id: 11,
        label: "number 11".repeat(2),
        half: None,
    }]);
    conn.batch_execute("CREATE TABLE parents (id BIGINT PRIMARY KEY NOT NULL)")
        .unwrap();
    Seed::new()
        .rows(rows)
        .rows(rows::up_to(10).inspect(|_| {}))
        .run(&mut conn)
        .unwrap();
    assert_eq!(backend::lock_wait(&mut conn), wait);
    conn.batch_execute("DROP TABLE numbers").unwrap();
    Seed::new()
        .rows(rows::up_to(10))
        .run(&mut conn)
        .unwrap_err();
    assert_eq!(backend::lock_wait(&mut conn), wait);
}
