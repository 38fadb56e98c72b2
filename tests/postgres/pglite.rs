//! PGlite has one session for all its clients, and few of them at a time.

use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::doctor::{self, Pooler, Severity};
use covara_diesel::pool::{self, PoolDriver};
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use support::numbers::{self, Number, numbers as table};
use support::pglite::TestDb;

use crate::suite::auth::transactions::use_all;
use crate::suite::{count, number};

const DRIVERS: [PoolDriver; 2] = [PoolDriver::Pglite, PoolDriver::Postgres];

#[test]
fn migrations_seeds_and_stores_work_whatever_the_driver_is_called() {
    for driver in DRIVERS {
        let db = TestDb::new();
        let pool = pool::postgres(db.url(), driver).unwrap();
        assert_eq!(pool.max_size(), 1, "{driver}");
        let mut conn = pool.get().unwrap();
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
        conn.batch_execute(numbers::CREATE).unwrap();
        // COPY would end the server: into an empty table, and into one with rows.
        for (rows, inserted) in [(5_000, 5_000), (20_000, 15_000), (20_000, 0)] {
            let seed = Seed::new().rows(numbers::up_to(rows));
            assert_eq!(
                seed.run(&mut conn).unwrap().inserted(),
                inserted,
                "{driver}"
            );
        }
        use_all(&mut conn);
        drop(conn);
        assert_eq!(count(&mut pool.get().unwrap(), "numbers"), 20_000);
    }
}

/// As one that another program has begun with: its first statement is one's own name.
#[test]
fn statements_of_an_earlier_client_do_no_harm() {
    for driver in DRIVERS {
        let db = TestDb::new();
        let mut other = PgConnection::establish(&db.url()).unwrap();
        let one = diesel::select(1.into_sql::<diesel::sql_types::Integer>());
        assert_eq!(one.get_result(&mut other), Ok(1));
        drop(other);
        let pool = pool::postgres(db.url(), driver).unwrap();
        for n in 0..5 {
            let mut conn = pool.get().unwrap();
            let answer = diesel::select(n.into_sql::<diesel::sql_types::BigInt>());
            assert_eq!(answer.get_result(&mut conn), Ok(n));
            let text = diesel::select("x".into_sql::<diesel::sql_types::Text>());
            assert_eq!(text.get_result(&mut conn), Ok("x".to_owned()));
        }
    }
}

#[test]
fn two_programs_in_turn_get_right_answers() {
    let db = TestDb::new();
    let program = env!("CARGO_BIN_EXE_covara-command");
    let directory = support::temporary::tempdir().unwrap();
    let file = directory.path().join("numbers.csv");
    std::fs::write(&file, "id,label,half\n1,one,\n2,two,1\n").unwrap();
    for (round, inserted) in [(0, 2), (1, 0), (2, 0)] {
        let pool = pool::postgres(db.url(), PoolDriver::Pglite).unwrap();
        let mut conn = pool.get().unwrap();
        assert_eq!(
            auto_migrate(&mut conn).unwrap().applied.len(),
            if round == 0 { 4 } else { 0 }
        );
        if round == 0 {
            conn.batch_execute(numbers::CREATE).unwrap();
        }
        drop((conn, pool));
        // The next comes as soon as this one has gone.
        let seed = Command::new(program)
            .args([
                "seed",
                "--json",
                "--database-url",
                &db.url(),
                "--table",
                "numbers",
            ])
            .arg(&file)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&seed.stdout);
        assert!(
            printed.contains(&format!("\"inserted\":{inserted}")),
            "{printed}{}",
            String::from_utf8_lossy(&seed.stderr)
        );
    }
}

#[test]
fn a_second_client_waits_for_the_first() {
    let db = TestDb::new();
    let held_for = Duration::from_secs(1);
    for driver in [PoolDriver::Pglite, PoolDriver::Postgres] {
        // The pool before may still be leaving.
        let end = Instant::now() + Duration::from_secs(60);
        let held = loop {
            match PgConnection::establish(&db.url()) {
                Ok(conn) => break conn,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            thread::sleep(Duration::from_millis(50));
        };
        let begun = Instant::now();
        let holder = thread::spawn(move || {
            thread::sleep(held_for);
            drop(held);
        });
        let pool = pool::postgres(db.url(), driver).unwrap();
        pool.get().unwrap().batch_execute("SELECT 1").unwrap();
        assert!(begun.elapsed() >= held_for, "{driver}");
        holder.join().unwrap();
    }
}

#[test]
fn two_at_once_get_right_answers_and_whole_transactions() {
    for driver in DRIVERS {
        let db = TestDb::with_max_connections(4);
        let pools = [0, 1].map(|_| pool::postgres(db.url(), driver).unwrap());
        pools[0]
            .get()
            .unwrap()
            .batch_execute(numbers::CREATE)
            .unwrap();
        let start = Barrier::new(2);
        let (pools, start) = (&pools, &start);
        thread::scope(|scope| {
            for client in 0..2_i64 {
                scope.spawn(move || {
                    let mut conn = pools[usize::try_from(client).unwrap()].get().unwrap();
                    start.wait();
                    for n in 0..100 {
                        let key = client * 1000 + n;
                        let row = Number {
                            id: key,
                            label: format!("label {key}"),
                            half: Some(n),
                        };
                        let kept: QueryResult<()> = conn.transaction(|conn| {
                            let seeded = Seed::new().table(std::slice::from_ref(&row)).run(conn);
                            assert_eq!(seeded.unwrap().inserted(), 1);
                            let asked = 1000 + key;
                            conn.batch_execute(&format!("SET LOCAL lock_timeout = {asked}"))?;
                            let seen = number(
                                conn,
                                "SELECT setting::bigint AS n FROM pg_settings WHERE name = 'lock_timeout'",
                            );
                            assert_eq!(seen, asked);
                            if n % 3 == 0 { Err(Error::RollbackTransaction) } else { Ok(()) }
                        });
                        assert_eq!(kept.is_ok(), n % 3 != 0, "{kept:?}");
                        let found = table::table.find(key).first::<Number>(&mut conn).optional();
                        assert_eq!(found.unwrap(), kept.is_ok().then_some(row));
                    }
                });
            }
        });
        assert_eq!(
            count(&mut pools[0].get().unwrap(), "numbers"),
            2 * 66,
            "{driver}"
        );
    }
}

#[test]
fn the_doctor_reports_pglite() {
    let db = TestDb::new();
    let pool = pool::postgres(db.url(), PoolDriver::Pglite).unwrap();
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    drop(pool);
    let report = doctor::postgres(format!("{}&driver=pglite", db.url())).unwrap();
    assert_eq!(report.pooler, Pooler::Pglite);
    assert_eq!(report.driver, PoolDriver::Pglite);
    assert_eq!(
        (report.pool.max_size, report.pool.statement_cache),
        (1, false)
    );
    let is_reported = report.findings.iter().any(|finding| {
        finding.severity == Severity::Hint && finding.text.contains("PoolDriver::Pglite")
    });
    assert!(is_reported, "{:?}", report.findings);
}

/// Each statement is several messages, between which the server may take those of others: of
/// three clients and more it does.
#[test]
fn statements_of_two_at_once_are_not_mixed() {
    let db = TestDb::with_max_connections(4);
    let pools = [0, 1].map(|_| pool::postgres(db.url(), PoolDriver::Pglite).unwrap());
    auto_migrate(&mut pools[0].get().unwrap()).unwrap();
    let start = Barrier::new(2);
    let (pools, start) = (&pools, &start);
    let wrong: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..2_i64)
            .map(|client| {
                scope.spawn(move || {
                    let mut conn = pools[usize::try_from(client).unwrap()].get().unwrap();
                    start.wait();
                    let mut wrong = 0;
                    for n in 0..500 {
                        let key = client * 1000 + n;
                        let word = format!("word {key}");
                        let right = if (n + client) % 2 == 0 {
                            let asked = diesel::select(key.into_sql::<diesel::sql_types::BigInt>());
                            asked.get_result(&mut conn) == Ok(key)
                        } else {
                            let asked =
                                diesel::select(word.as_str().into_sql::<diesel::sql_types::Text>());
                            asked.get_result(&mut conn) == Ok(word.clone())
                        };
                        wrong += usize::from(!right);
                    }
                    wrong
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });
    assert_eq!(wrong, 0, "of 1000");
}
