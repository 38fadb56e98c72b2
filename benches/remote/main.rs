//! Remote connections against the same requests by hand, through ureq.
//!
//!     cargo bench --features libsql,d1 --bench remote
//!
//! sqld and workerd run on this machine and share its cores with the client.

#[path = "../comparison.rs"]
mod comparison;
mod hand;
#[path = "../measure.rs"]
mod measure;
mod recorded;
#[expect(dead_code, reason = "the seed's bench uses more of it")]
#[path = "../seed/rows.rs"]
mod rows;

use std::hint::black_box;

use comparison::{Comparison, timed};
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use covara_diesel::{DatabaseConnection, Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use hand::{Hand, Protocol};
use measure::{median, print_setting, short};

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        name -> Nullable<Text>,
        age -> Nullable<Integer>,
        created_at -> BigInt,
    }
}

const CREATE: &str = "CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    age INTEGER,
    created_at BIGINT NOT NULL
)";

#[derive(Debug, Clone, Seedable, Queryable)]
#[diesel(table_name = users)]
struct User {
    id: String,
    email: String,
    name: Option<String>,
    age: Option<i32>,
    created_at: i64,
}

fn user(number: i64) -> User {
    let (id, email, name, age, created_at) = rows::fields(number, number);
    User {
        id,
        email,
        name,
        age,
        created_at,
    }
}

const ROUNDS: usize = 31;
const CALLS: usize = 50;
const SEEDED: i64 = 100_000;

fn main() {
    let db = support::sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).expect("a URL of ours");
    print_setting("libSQL", "sqld 0.24.32", "over loopback");
    let hand = Hand::new(Protocol::Hrana, db.url(), None);
    queries("libSQL", &mut conn, &hand);
    wide::load(&mut conn, &hand);
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
    let title = format!("{name}, {CALLS} × a row by its key");
    let mut comparison = Comparison::new(title, &["the same request by ureq", "through Diesel"]);
    for round in 0..ROUNDS {
        let of_round = some.iter().cycle().skip(round * 7).take(CALLS);
        let (time, ()) = timed(|| {
            for user in of_round.clone() {
                black_box(hand.find(&user.id));
            }
        });
        comparison.add(0, time);
        let (time, ()) = timed(|| {
            for user in of_round.clone() {
                let found: User = users::table.find(&user.id).first(conn).expect("there");
                assert_eq!(found.created_at, user.created_at);
            }
        });
        comparison.add(1, time);
    }
    comparison.print();
}

/// Five thousand rows of nine columns.
mod wide {
    use super::*;

    diesel::table! {
        wide (id) {
            id -> BigInt,
            name -> Text,
            country -> Text,
            region -> Nullable<Text>,
            feature -> Text,
            population -> BigInt,
            latitude -> Double,
            longitude -> Double,
            note -> Nullable<Text>,
        }
    }

    type Row = (
        i64,
        String,
        String,
        Option<String>,
        String,
        i64,
        f64,
        f64,
        Option<String>,
    );

    const ROWS: usize = 5_000;

    pub fn load(conn: &mut LibsqlConnection, hand: &Hand) {
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
        let body = hand.fetch_wide();
        // From here on what the server said comes from a program that only repeats it, so
        // that the server's own time does not hide ours.
        let repeater = recorded::Repeater::start(body.clone());
        let mut conn = LibsqlConnection::establish(&repeater.url()).expect("a URL of ours");
        let repeated = Hand::new(Protocol::Hrana, repeater.url(), None);
        let names = [
            "decoding into serde_json::Value",
            "decoding into borrowed structs",
            "the bare request",
            "load::<Row> through Diesel",
        ];
        let title = format!("libSQL, {ROWS} rows × 9 columns, {} bytes", body.len());
        let mut comparison = Comparison::new(title, &names);
        let (mut of_value, mut of_structs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (value, ()) = timed(|| recorded::decode_value(&body));
            let (structs, cells) = timed(|| recorded::decode_structs(&body));
            assert_eq!(cells, ROWS * 9);
            let (bare, bytes) = timed(|| repeated.fetch_wide());
            assert_eq!(bytes.len(), body.len());
            let (ours, rows) = timed(|| wide::table.load::<Row>(&mut conn).expect("rows"));
            assert_eq!(rows.len(), ROWS);
            for (contestant, time) in [value, structs, bare, ours].into_iter().enumerate() {
                comparison.add(contestant, time);
            }
            let own = ours.saturating_sub(bare).as_secs_f64();
            of_value.push(own / value.as_secs_f64());
            of_structs.push(own / structs.as_secs_f64());
        }
        comparison.print();
        println!(
            "  without the request, loading takes {:.2} × of decoding into Values, {:.2} × of \
             decoding into borrowed structs",
            median(&of_value),
            median(&of_structs)
        );
    }
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
