//! What a boot costs that finds nothing to do, compared with the least query there is.
//!
//!     cargo bench --bench boot
//!     tests/with-postgres cargo bench --features postgres --bench boot

mod comparison;
mod measure;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use comparison::{Comparison, timed};
use covara_diesel::{DatabaseConnection, auto_migrate, pool};
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::sql_types::Text;
use measure::print_setting;

const CALLS: usize = 2_000;

fn main() {
    sqlite();
    #[cfg(feature = "postgres")]
    postgres();
    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench boot"
    );
}

fn sqlite() {
    let db = support::sqlite::TestDb::new();
    let pool = pool::sqlite(db.url()).expect("a new file");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result::<String>(conn)
        .expect("SQLite knows its version");
    print_setting("SQLite", version, format!("{CALLS} calls of each"));
    run("SQLite", conn);
}

#[cfg(feature = "postgres")]
fn postgres() {
    use covara_diesel::pool::PoolDriver;

    let db = support::postgres::TestDb::new();
    let pool = pool::postgres(db.url(), PoolDriver::Postgres).expect("the test server");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>(
        "current_setting('server_version')",
    ))
    .get_result::<String>(conn)
    .expect("the server knows its version");
    print_setting("PostgreSQL", version, format!("{CALLS} calls of each"));
    let queries = run("PostgreSQL", conn);
    assert_eq!(queries, 1, "a boot with nothing to do is one round trip");
}

/// Prints the table and returns how many queries one call sends.
fn run<C: DatabaseConnection>(engine: &str, conn: &mut C) -> usize {
    let applied = auto_migrate(conn).expect("a new database").applied;
    assert_eq!(applied.len(), 4);

    let title = format!("{engine}, boot with nothing to do");
    let mut calls = Comparison::new(title, &["SELECT 1", "auto_migrate"]);
    for _ in 0..CALLS {
        let (time, result) = timed(|| conn.batch_execute("SELECT 1"));
        result.expect("an open connection");
        calls.add(0, time);
        let (time, summary) = timed(|| auto_migrate(conn));
        assert!(summary.expect("a database in order").applied.is_empty());
        calls.add(1, time);
    }
    calls.print();
    let queries = queries_of(conn);
    println!("  auto_migrate sends {queries} of Diesel's queries");
    queries
}

fn queries_of<C: DatabaseConnection>(conn: &mut C) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    auto_migrate(conn).expect("a database in order");
    count.load(Ordering::Relaxed)
}
