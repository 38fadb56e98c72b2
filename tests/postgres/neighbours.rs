//! Boots beside programs that make the same tables without a lock.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use covara_diesel::{INTERNAL_TABLE_NAMES, MigrateOptions, auto_migrate, migrate_internal};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::postgres::TestDb;

use crate::suite::count;

/// The statements that Covara (TypeScript) runs at each start, one after the other.
fn statements() -> Vec<String> {
    let files = [
        include_str!("../../migrations/postgres/2026-11-22-000001_create_auth_sessions/up.sql"),
        include_str!("../../migrations/postgres/2026-11-22-000002_create_auth_accounts/up.sql"),
        include_str!("../../migrations/postgres/2026-11-22-000003_create_auth_api_keys/up.sql"),
        include_str!(
            "../../migrations/postgres/2026-11-22-000004_create_auth_verification_tokens/up.sql"
        ),
    ];
    files
        .iter()
        .flat_map(|file| file.split_inclusive(';'))
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn assert_whole(conn: &mut PgConnection) {
    assert_eq!(count(conn, "__covara_migrations"), 4);
    for table in INTERNAL_TABLE_NAMES {
        assert_eq!(count(conn, table), 0);
    }
    assert!(auto_migrate(conn).unwrap().applied.is_empty());
}

#[test]
fn a_table_that_another_transaction_is_making_is_waited_for_and_adopted() {
    for in_transaction in [false, true] {
        let db = TestDb::new();
        let accounts = statements()
            .into_iter()
            .find(|sql| sql.contains("TABLE IF NOT EXISTS auth_accounts"))
            .unwrap();
        let (mut neighbour, mut conn) = (db.connect(), db.connect());
        let made = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                neighbour.batch_execute("BEGIN").unwrap();
                neighbour.batch_execute(&accounts).unwrap();
                made.wait();
                // So long that the boot below surely waits for it.
                thread::sleep(Duration::from_millis(1500));
                neighbour.batch_execute("COMMIT").unwrap();
            });
            made.wait();
            let applied = if in_transaction {
                conn.transaction(|conn| {
                    let summary = auto_migrate(conn).unwrap();
                    QueryResult::Ok(summary.applied.len())
                })
                .unwrap()
            } else {
                auto_migrate(&mut conn).unwrap().applied.len()
            };
            assert_eq!(applied, 4);
        });
        assert_whole(&mut conn);
    }
}

#[test]
fn boots_beside_a_program_that_takes_no_lock_succeed() {
    let sql = statements();
    assert_eq!(sql.len(), 9);
    for round in 0..40 {
        let db = TestDb::new();
        let start = Barrier::new(4);
        let connections = [db.connect(), db.connect(), db.connect(), db.connect()];
        thread::scope(|scope| {
            for (n, mut conn) in connections.into_iter().enumerate() {
                let (start, sql) = (&start, &sql);
                scope.spawn(move || {
                    start.wait();
                    match n {
                        // The program and its twin; what fails is their own affair.
                        0 | 1 => {
                            for sql in sql {
                                let _ = conn.batch_execute(sql);
                                if round % 2 == 0 {
                                    thread::sleep(Duration::from_micros(300));
                                }
                            }
                        }
                        _ => {
                            let options =
                                MigrateOptions::default().lock_timeout(Duration::from_secs(120));
                            let booted = migrate_internal(&mut conn, &options);
                            assert!(booted.is_ok(), "round {round}: {booted:?}");
                        }
                    }
                });
            }
        });
        assert_whole(&mut db.connect());
    }
}

/// A program that makes everything in one transaction may wait for us while we wait for it.
#[test]
fn a_deadlock_with_another_program_is_no_failure() {
    let sql = statements();
    for _ in 0..5 {
        let db = TestDb::new();
        let start = Barrier::new(2);
        let (mut neighbour, mut conn) = (db.connect(), db.connect());
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                // The other way round.
                let _ = neighbour.transaction(|conn| {
                    sql.iter()
                        .filter(|sql| sql.contains("TABLE"))
                        .rev()
                        .try_for_each(|sql| conn.batch_execute(sql))
                });
            });
            start.wait();
            auto_migrate(&mut conn).unwrap();
        });
        assert_whole(&mut conn);
    }
}
