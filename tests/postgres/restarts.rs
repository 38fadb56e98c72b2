//! Servers that go and come back while a program works: errors meanwhile, nothing that was
//! committed is lost, no answer is wrong, and the pool recovers by itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers::{self, numbers as table};
use support::own_postgres::PostgresServer;
use support::pgbouncer::PgBouncer;
use support::pglite;
use support::postgres::TestDb;

/// Longer than a client waits for a connection, so that somebody notices.
const DOWN: Duration = Duration::from_millis(2_500);
/// Far longer than it takes until all is well again.
const A_MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Outcome {
    /// Rows that were said to be committed.
    kept: Vec<i64>,
    /// Rows that may be committed or not, as the answer was lost.
    failed: usize,
    /// Number of rows that were kept after the server had come back.
    kept_after: usize,
}

/// Writes and reads from `clients` threads of one pool until `restart` is through and the
/// work has gone on for a while.
fn work_through(url: &str, driver: PoolDriver, clients: i64, restart: impl FnOnce()) {
    let mut config = recommended_pool_config(driver);
    config.connection_timeout = Some(Duration::from_secs(2));
    let pool = pool::postgres_with(url, driver, &config).unwrap();
    pool.get().unwrap().batch_execute(numbers::CREATE).unwrap();
    let (back, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let working_again = AtomicI64::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for client in 0..clients {
            let (pool, back, done, outcomes) = (&pool, &back, &done, &outcomes);
            let working_again = &working_again;
            scope.spawn(move || {
                let mut outcome = Outcome::default();
                for n in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = client * 1_000_000 + n;
                    let is_back = back.load(Ordering::Relaxed);
                    let written = pool
                        .get()
                        .map_err(drop)
                        .and_then(|mut conn| write(&mut conn, key).map_err(drop));
                    match written {
                        Ok(()) => {
                            outcome.kept.push(key);
                            if is_back && outcome.kept_after == 0 {
                                working_again.fetch_add(1, Ordering::Relaxed);
                            }
                            outcome.kept_after += usize::from(is_back);
                        }
                        Err(()) => outcome.failed += 1,
                    }
                    // What was committed last is there, and is itself.
                    if let Some(&key) = outcome.kept.last()
                        && let Ok(mut conn) = pool.get()
                        && let Ok(found) = read(&mut conn, key)
                    {
                        assert_eq!(found, Some((format!("label {key}"), Some(key))));
                    }
                }
                outcomes.lock().unwrap().push(outcome);
            });
        }
        thread::sleep(Duration::from_millis(500));
        restart();
        let begun = Instant::now();
        while pool.get().is_err() {
            assert!(begun.elapsed() < A_MINUTE, "the pool does not recover");
        }
        back.store(true, Ordering::Relaxed);
        // A client may still be waiting for a connection.
        while working_again.load(Ordering::Relaxed) < clients && begun.elapsed() < A_MINUTE {
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_secs(1));
        done.store(true, Ordering::Relaxed);
    });
    let outcomes = outcomes.into_inner().unwrap();
    let failed: usize = outcomes.iter().map(|outcome| outcome.failed).sum();
    assert!(failed > 0, "nobody noticed");
    for outcome in &outcomes {
        assert!(outcome.kept_after > 0, "one does not work on: {outcome:?}");
    }
    let mut kept: Vec<i64> = outcomes
        .into_iter()
        .flat_map(|outcome| outcome.kept)
        .collect();
    kept.sort_unstable();
    let mut conn = pool.get().unwrap();
    let stored: Vec<i64> = table::table
        .select(table::id)
        .order(table::id)
        .load(&mut conn)
        .unwrap();
    let lost: Vec<_> = kept
        .iter()
        .filter(|key| stored.binary_search(key).is_err())
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Of those that failed, one of each client's may have been committed unseen.
    let unseen = stored.len() - kept.len();
    assert!(unseen <= failed, "{unseen} more than were written");
    println!(
        "{driver}: {} kept, {failed} failed, {unseen} of them kept unseen",
        kept.len()
    );
}

fn write(conn: &mut PgConnection, key: i64) -> QueryResult<()> {
    conn.transaction(|conn| {
        let row = (table::id.eq(key), table::label.eq(format!("label {key}")));
        diesel::insert_into(table::table)
            .values(row)
            .execute(conn)?;
        diesel::update(table::table.find(key))
            .set(table::half.eq(key))
            .execute(conn)
            .map(drop)
    })
}

fn read(conn: &mut PgConnection, key: i64) -> QueryResult<Option<(String, Option<i64>)>> {
    table::table
        .find(key)
        .select((table::label, table::half))
        .first(conn)
        .optional()
}

#[test]
fn postgresql_restarts() {
    let mut server = PostgresServer::start(&[], |_| ());
    let url = server.url();
    work_through(&url, PoolDriver::Postgres, 4, || {
        server.stop();
        thread::sleep(DOWN);
        server.start_again();
    });
}

#[test]
fn pgbouncer_restarts() {
    let db = TestDb::new();
    let mut pooler = PgBouncer::untracking(3);
    let url = pooler.url(&db.url());
    work_through(&url, PoolDriver::Hyperdrive, 4, || {
        pooler.stop();
        thread::sleep(DOWN);
        pooler.start_again();
    });
}

#[test]
fn the_sessions_behind_pgbouncer_are_ended() {
    let db = TestDb::new();
    let pooler = PgBouncer::untracking(3);
    let url = pooler.url(&db.url());
    work_through(&url, PoolDriver::Neon, 4, || {
        for _ in 0..10 {
            crate::backend::break_connections(&db);
            thread::sleep(DOWN / 10);
        }
    });
}

#[test]
fn pglite_restarts() {
    let mut db = pglite::TestDb::with_max_connections(4);
    let url = db.url();
    work_through(&url, PoolDriver::Pglite, 2, || {
        db.stop();
        thread::sleep(DOWN);
        db.restart();
    });
}
