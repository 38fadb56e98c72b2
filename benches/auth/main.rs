//! The auth stores against the same SQL by hand, through rusqlite and the `postgres` crate,
//! and beside what users pick today, tower-sessions-rusqlite-store and
//! tower-sessions-sqlx-store; whether time tells which API keys exist; and whether many
//! sessions slow anything down.
//!
//!     tests/with-postgres cargo bench --features postgres --bench auth
//!     tests/with-postgres cargo bench --features postgres --bench auth -- --largest 10000000
//!
//! On PostgreSQL all take turns on one core, client and server.

mod api_keys;
mod by_hand;
#[path = "../comparison.rs"]
mod comparison;
#[path = "../measure.rs"]
mod measure;
#[cfg(feature = "postgres")]
mod one_core;
mod peers;
mod sessions;
mod sizes;

use covara_diesel::{auto_migrate, pool};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use measure::print_setting;
use peers::Peer;

const ROUNDS: usize = 61;

/// How many sessions there are in the table, unless more are asked for.
const SIZES: [u64; 2] = [10_000, 1_000_000];

const USAGE: &str = "usage: cargo bench --bench auth [-- --largest SESSIONS]";

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own.
    arguments.retain(|argument| argument != "--bench");
    let mut sizes = SIZES.to_vec();
    match arguments.as_slice() {
        [] => {}
        [name, largest] if name == "--largest" => sizes.push(largest.parse().expect(USAGE)),
        _ => panic!("{USAGE}"),
    }
    sqlite(&sizes);
    #[cfg(feature = "postgres")]
    postgres(&sizes);
    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench auth"
    );
}

fn sqlite(sizes: &[u64]) {
    use by_hand::sqlite::Sqlite;
    use support::sqlite::TestDb;

    // A file each, or every write of one would empty the other's page cache.
    let (ours, theirs) = (TestDb::new(), TestDb::new());
    let pool = pool::sqlite(ours.url()).expect("a new file");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result::<String>(conn)
        .expect("SQLite knows its version");
    print_setting(
        "SQLite",
        version,
        "WAL, one connection, one call after another",
    );
    auto_migrate(conn).expect("a new file");
    auto_migrate(
        &mut pool::sqlite(theirs.url())
            .expect("a new file")
            .get()
            .expect("a connection"),
    )
    .expect("a new file");
    let mut hand = Sqlite::open(&theirs.url());
    let folder = tempfile::tempdir().expect("a folder");
    let peer = |name, program: &str| {
        let file = folder.path().join(program);
        Peer::start(name, program, file.to_str().expect("a path of ours"))
    };
    let peers = [
        peer("tower-sessions-rusqlite-store", "rusqlite-store"),
        peer("tower-sessions-sqlx-store", "sqlx-store"),
    ];
    let mut peers: Vec<Peer> = peers.into_iter().flatten().collect();
    sessions::compare("SQLite", 100, conn, &mut hand, &mut peers);
    drop(peers);
    api_keys::compare("SQLite", 500, conn, &mut hand, |key, text| {
        theirs
            .connect()
            .batch_execute(&api_keys::copy(key, text, "1700000000"))
            .expect("a new key");
    });
    for &size in sizes {
        let db = TestDb::new();
        let mut conn = db.connect();
        auto_migrate(&mut conn).expect("a new file");
        sizes::fill_sqlite(&mut conn, size);
        drop(conn);
        let pool = pool::sqlite(db.url()).expect("a file of ours");
        let conn = &mut *pool.get().expect("a connection");
        sizes::measure("SQLite", size, conn, &mut Sqlite::open(&db.url()));
    }
}

#[cfg(feature = "postgres")]
fn postgres(sizes: &[u64]) {
    use by_hand::postgres::Postgres;
    use covara_diesel::pool::PoolDriver;
    use support::postgres::TestDb;

    let (ours, theirs) = (TestDb::new(), TestDb::new());
    let pool = pool::postgres(ours.url(), PoolDriver::Postgres).expect("the test server");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>(
        "current_setting('server_version')",
    ))
    .get_result::<String>(conn)
    .expect("the server knows its version");
    print_setting(
        "PostgreSQL",
        version,
        "loopback, one connection, one call after another, all on one of the CPUs",
    );
    auto_migrate(conn).expect("a new database");
    auto_migrate(&mut theirs.connect()).expect("a new database");
    let mut hand = Postgres::connect(&theirs.url());
    let peers_db = TestDb::new();
    let peer = Peer::start("tower-sessions-sqlx-store", "sqlx-store", &peers_db.url());
    let mut peers: Vec<Peer> = peer.into_iter().collect();
    one_core::share(conn);
    sessions::compare("PostgreSQL", 100, conn, &mut hand, &mut peers);
    drop(peers);
    api_keys::compare("PostgreSQL", 100, conn, &mut hand, |key, text| {
        theirs
            .connect()
            .batch_execute(&api_keys::copy(key, text, "'2023-11-14'"))
            .expect("a new key");
    });
    for &size in sizes {
        let db = TestDb::new();
        let conn = &mut db.connect();
        auto_migrate(conn).expect("a new database");
        sizes::fill_postgres(conn, size);
        let mut hand = Postgres::connect(&db.url());
        one_core::share(conn);
        sizes::measure("PostgreSQL", size, conn, &mut hand);
    }
}

/// The n-th of 32 characters that look like chance: where rows lie decides over page caches.
fn random(n: usize) -> String {
    let mut text = by_hand::digest(&n.to_string());
    text.split_off(text.len() - 32)
}
