//! How many connections a local SQLite file is best served with.
//!
//!     cargo bench --bench pool

mod measure;

use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::Text;
use measure::{median, print_setting, quantile, short};
use support::sqlite::TestDb;

const ROWS: i64 = 100_000;
const THREADS: u64 = 8;
const SIZES: [u32; 5] = [1, 2, 4, 8, 16];
const ROUNDS: usize = 5;
/// How long one pool is kept busy at a time.
const RUN: Duration = Duration::from_secs(1);

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        logins -> BigInt,
    }
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct User {
    id: String,
    email: String,
    logins: i64,
}

type SqlitePool = Pool<ConnectionManager<SqliteConnection>>;

fn main() {
    let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result::<String>(&mut TestDb::new().connect())
        .expect("SQLite knows its version");
    let setting = format!("{ROWS} rows, {THREADS} threads, WAL");
    print_setting("SQLite", version, setting);
    compare("point lookups only", 0);
    compare("90 % point lookups, 10 % one-row write transactions", 10);
}

/// What one run of one pool gave.
#[derive(Default)]
struct Run {
    reads: Vec<Duration>,
    writes: Vec<Duration>,
    elapsed: Duration,
}

fn compare(workload: &str, write_percent: u64) {
    let db = TestDb::new();
    let pools = SIZES.map(|size| (size, open(&db, size)));
    fill(&pools[0].1);
    let mut results = SIZES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, pool), results) in pools.iter().zip(&mut results) {
            results.push(run(pool, write_percent));
        }
    }

    println!("\nSQLite, {workload} (medians of {ROUNDS} alternating runs)");
    println!(
        "  {:<10} {:>10} {:>8} {:>12} {:>12} {:>12} {:>12}",
        "pool size", "ops/s", "ratio", "read median", "read p99", "write p99", "worst"
    );
    let rate = |run: &Run| (run.reads.len() + run.writes.len()) as f64 / run.elapsed.as_secs_f64();
    for (size, runs) in SIZES.iter().zip(&results) {
        let rates: Vec<f64> = runs.iter().map(rate).collect();
        let ratios = runs.iter().zip(&results[0]);
        let ratios: Vec<f64> = ratios.map(|(run, one)| rate(run) / rate(one)).collect();
        let of_runs = |value: &dyn Fn(&Run) -> Duration| {
            short(median(&runs.iter().map(value).collect::<Vec<_>>()))
        };
        let write_p99 = if write_percent == 0 {
            "-".to_owned()
        } else {
            of_runs(&|run| quantile(&run.writes, 0.99))
        };
        println!(
            "  {size:<10} {:>10.0} {:>7.2}x {:>12} {:>12} {write_p99:>12} {:>12}",
            median(&rates),
            median(&ratios),
            of_runs(&|run| median(&run.reads)),
            of_runs(&|run| quantile(&run.reads, 0.99)),
            of_runs(&|run| run
                .reads
                .iter()
                .chain(&run.writes)
                .max()
                .copied()
                .unwrap_or_default()),
        );
    }
}

/// A pool with all of its connections open, so that opening them is not measured.
fn open(db: &TestDb, size: u32) -> SqlitePool {
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.max_size = size;
    config.min_idle = size;
    let pool = pool::sqlite_with(db.url(), &config).expect("a file of our own");
    assert_eq!(pool.max_size(), size);
    pool
}

fn fill(pool: &SqlitePool) {
    let conn = &mut pool.get().expect("a connection");
    conn.batch_execute(
        "CREATE TABLE users (
            id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, logins BIGINT NOT NULL
        )",
    )
    .expect("a new table");
    let rows = (0..ROWS).map(|number| User {
        id: id(number as u64),
        email: format!("person.{number:08}@example.com"),
        logins: 0,
    });
    let summary = Seed::new().rows(rows).run(conn).expect("good rows");
    assert_eq!(summary.inserted() as i64, ROWS);
}

fn id(number: u64) -> String {
    format!("user-{number:08}")
}

/// Keeps all threads busy for a while. No operation may fail.
fn run(pool: &SqlitePool, write_percent: u64) -> Run {
    let before = logins(pool);
    let start = Instant::now();
    let threads: Vec<Run> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || one_thread(pool, write_percent, thread, start)))
            .collect();
        let threads = threads.into_iter();
        threads
            .map(|thread| thread.join().expect("no operation fails"))
            .collect()
    });
    let mut total = Run {
        elapsed: start.elapsed(),
        ..Run::default()
    };
    for mut thread in threads {
        total.reads.append(&mut thread.reads);
        total.writes.append(&mut thread.writes);
    }
    assert_eq!(logins(pool) - before, total.writes.len() as i64);
    total
}

fn one_thread(pool: &SqlitePool, write_percent: u64, thread: u64, start: Instant) -> Run {
    let mut run = Run::default();
    // A 64-bit linear congruential generator, of which the high half is used.
    let mut state = thread + 1;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    while start.elapsed() < RUN {
        let id = id(random(ROWS as u64));
        let write = random(100) < write_percent;
        let begun = Instant::now();
        let conn = &mut *pool.get().expect("a connection in time");
        if write {
            conn.immediate_transaction(|conn| {
                diesel::update(users::table.find(&id))
                    .set(users::logins.eq(users::logins + 1))
                    .execute(conn)
            })
            .map(|changed| assert_eq!(changed, 1))
            .expect("the write lock in time");
            run.writes.push(begun.elapsed());
        } else {
            let found: (String, i64) = users::table
                .find(&id)
                .select((users::email, users::logins))
                .first(conn)
                .expect("a row that is there");
            run.reads.push(begun.elapsed());
            assert!(!found.0.is_empty());
        }
    }
    run
}

/// All writes so far.
fn logins(pool: &SqlitePool) -> i64 {
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;

    let conn = &mut pool.get().expect("a connection");
    users::table
        .select(sql::<BigInt>("sum(logins)"))
        .first(conn)
        .expect("a sum of whole numbers")
}
