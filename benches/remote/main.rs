//! Remote connections against the same requests by hand, through ureq.
//!
//!     cargo bench --features libsql,d1 --bench remote
//!
//! sqld and workerd run on this machine and share its cores with the client.

mod common;
#[path = "../comparison.rs"]
mod comparison;
mod hand;
#[path = "../measure.rs"]
mod measure;
mod recorded;
#[expect(dead_code, reason = "the seed's bench uses more of it")]
#[path = "../seed/rows.rs"]
mod rows;

use std::sync::Arc;

use common::{CREATE, SEEDED, User, user, users, wide};
use comparison::{Comparison, timed};
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use covara_diesel::{DatabaseConnection, Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use hand::{Hand, Protocol};
use measure::{median, print_setting, short};

fn main() {
    let db = support::sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).expect("a URL of ours");
    print_setting("libSQL", "sqld 0.24.32", "over loopback");
    let hand = Hand::new(Protocol::Hrana, db.url(), None);
    queries("libSQL", &mut conn, &hand);
    load(&mut conn, &hand);
    seed_libsql();

    let db = support::d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).expect("a URL of ours");
    print_setting("D1", "workerd through miniflare", "over loopback");
    let url = format!(
        "{}/accounts/{}/d1/database/{}/raw",
        db.base_url(),
        support::d1::ACCOUNT,
        db.database()
    );
    let hand = Hand::new(Protocol::D1, url, Some(support::d1::TOKEN));
    queries("D1", &mut conn, &hand);
    seed_d1();
}

/// One row by its key.
fn queries<C: DatabaseConnection<Backend = Sqlite>>(name: &str, conn: &mut C, hand: &Hand) {
    conn.batch_execute(CREATE).expect("an empty database");
    let some: Vec<User> = (0..500).map(user).collect();
    User::seed(conn, &some).expect("new rows");
    let ours = |id: &str| users::table.find(id).first(conn).expect("it is there");
    common::by_key(name, &some, |id| hand.find(id), ours);
}

/// Many rows.
fn load(conn: &mut LibsqlConnection, hand: &Hand) {
    conn.batch_execute(
        "CREATE TABLE wide (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL,
             country TEXT NOT NULL, region TEXT, feature TEXT NOT NULL,
             population BIGINT NOT NULL, latitude DOUBLE NOT NULL,
             longitude DOUBLE NOT NULL, note TEXT);
         WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 5000)
         INSERT INTO wide SELECT n, 'City number ' || n, 'AD', iif(n % 3, NULL, 'R' || n),
             'PPL', n * 1234567, n / 77.7, -n / 33.3, iif(n % 5, 'a \"note\"', NULL) FROM up",
    )
    .expect("a new table");
    let body = Arc::new(hand.fetch_wide());
    let repeated = Arc::clone(&body);
    let repeater = recorded::Repeater::start(move |_| Arc::clone(&repeated));
    let mut conn = LibsqlConnection::establish(&repeater.url()).expect("a URL of ours");
    let hand = Hand::new(Protocol::Hrana, repeater.url(), None);
    let bare = || hand.fetch_wide();
    let ours = || wide::table.load(&mut conn).expect("rows");
    common::load("libSQL", &body, recorded::decode_structs, bare, ours);
}

fn seed_libsql() {
    let names = [
        "by hand, 1,000 rows a statement",
        "by hand, 5,000 rows a statement",
        "by hand, one request",
        "Seed",
    ];
    let title = format!("libSQL, {SEEDED} rows into an empty table");
    let mut comparison = Comparison::new(title, &names);
    let rows: Vec<User> = (0..SEEDED).map(user).collect();
    for _ in 0..5 {
        for (contestant, way) in [(1_000, 1), (5_000, 1), (5_000, 20)]
            .into_iter()
            .enumerate()
        {
            let db = support::sqld::TestDb::new();
            let hand = Hand::new(Protocol::Hrana, db.url(), None);
            hand.script(CREATE);
            let (rows_a_statement, statements_a_request) = way;
            let (time, inserted) =
                timed(|| hand.seed(&rows, rows_a_statement, statements_a_request));
            assert_eq!(inserted, rows.len());
            comparison.add(contestant, time);
        }
        let db = support::sqld::TestDb::new();
        let mut conn = LibsqlConnection::establish(&db.url()).expect("a URL of ours");
        conn.batch_execute(CREATE).expect("an empty database");
        let seed = Seed::new().table(&rows);
        let (time, summary) = timed(|| seed.run(&mut conn).expect("new rows"));
        assert_eq!(summary.inserted(), rows.len());
        comparison.add(3, time);
    }
    comparison.print();
}

fn seed_d1() {
    let rows: Vec<User> = (0..SEEDED).map(user).collect();
    let mut times = Vec::new();
    let mut requests = 0;
    for _ in 0..5 {
        let db = support::d1::TestDb::new();
        let mut conn = D1Connection::establish(&db.url()).expect("a URL of ours");
        conn.batch_execute(CREATE).expect("an empty database");
        let seed = Seed::new().table(&rows);
        let (time, summary) = timed(|| seed.run(&mut conn).expect("new rows"));
        assert_eq!(summary.inserted(), rows.len());
        requests = summary.transactions;
        times.push(time);
    }
    println!(
        "\nD1, {SEEDED} rows into an empty table: {} in {requests} requests (median of 5)",
        short(median(&times))
    );
}
