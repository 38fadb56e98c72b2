//! What a log of changes costs writers, and how fast it is read.
//!
//!     cargo bench --bench changes
//!     tests/with-postgres cargo bench --features postgres --bench changes

#[path = "../comparison.rs"]
mod comparison;
#[path = "../measure.rs"]
mod measure;

use std::time::Duration;

use comparison::{Comparison, timed};
use covara_diesel::changes::{Capture, Change, ChangeLog};
use covara_diesel::pool;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use measure::print_setting;
use support::cpu::time_of_thread;

const SEEDED: i64 = 300_000;
const INSERTED: i64 = 2_000;
const READ: i64 = 100_000;
const ROUNDS: i64 = 5;
const WAITED: Duration = Duration::from_secs(10);

macro_rules! tables {
    ($($table:ident $row:ident)*) => {$(
        diesel::table! {
            $table (id) {
                id -> BigInt,
                email -> Text,
                name -> Text,
                age -> BigInt,
            }
        }

        #[derive(Insertable, covara_diesel::Seedable)]
        #[diesel(table_name = $table)]
        struct $row {
            id: i64,
            email: String,
            name: String,
            age: i64,
        }

        impl $row {
            fn numbered(id: i64) -> Self {
                Self {
                    id,
                    email: format!("person{id}@example.com"),
                    name: format!("Person {id}"),
                    age: id % 90,
                }
            }
        }
    )*};
}
tables! {
    unlogged Unlogged
    by_key ByKey
    by_row ByRow
}

const TABLES: [&str; 3] = ["unlogged", "by_key", "by_row"];
const NAMES: [&str; 3] = ["no log", "Capture::Keys", "Capture::Rows"];

fn log() -> ChangeLog {
    ChangeLog::new()
        .table::<by_key::table>(Capture::Keys)
        .table::<by_row::table>(Capture::Rows)
}

fn main() {
    sqlite();
    #[cfg(feature = "postgres")]
    postgres();
    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench changes"
    );
}

/// Measures on a connection of a known type.
macro_rules! measure {
    ($engine:expr, $pool:expr, $conn:expr) => {{
        let conn = $conn;
        for table in TABLES {
            run(conn, &format!(
                "CREATE TABLE {table} (id BIGINT PRIMARY KEY NOT NULL, email TEXT NOT NULL UNIQUE,
                     name TEXT NOT NULL, age BIGINT NOT NULL)"
            ));
        }
        run(conn, "CREATE TABLE done (number BIGINT PRIMARY KEY NOT NULL, key TEXT NOT NULL);
                   CREATE TABLE position (number BIGINT NOT NULL); INSERT INTO position VALUES (0)");
        log().install(conn).expect("a log");

        let mut singles = Comparison::new(format!("{}, {INSERTED} inserts", $engine), &NAMES);
        for round in 0..ROUNDS {
            let ids = round * INSERTED..(round + 1) * INSERTED;
            singles.add(0, timed(|| ids.clone().for_each(|id| {
                diesel::insert_into(unlogged::table).values(Unlogged::numbered(id)).execute(conn)
                    .expect("a row");
            })).0);
            singles.add(1, timed(|| ids.clone().for_each(|id| {
                diesel::insert_into(by_key::table).values(ByKey::numbered(id)).execute(conn)
                    .expect("a row");
            })).0);
            singles.add(2, timed(|| ids.clone().for_each(|id| {
                diesel::insert_into(by_row::table).values(ByRow::numbered(id)).execute(conn)
                    .expect("a row");
            })).0);
        }
        singles.print();

        let mut seeds = Comparison::new(format!("{}, seed of {SEEDED} rows", $engine), &NAMES);
        for _ in 0..ROUNDS {
            for table in TABLES {
                run(conn, &format!("DELETE FROM {table}"));
            }
            run(conn, "DELETE FROM __covara_changes");
            let ids = 0..SEEDED;
            seeds.add(0, timed(|| covara_diesel::Seed::new()
                .rows(ids.clone().map(Unlogged::numbered)).run(conn).expect("rows")).0);
            seeds.add(1, timed(|| covara_diesel::Seed::new()
                .rows(ids.clone().map(ByKey::numbered)).run(conn).expect("rows")).0);
            seeds.add(2, timed(|| covara_diesel::Seed::new()
                .rows(ids.clone().map(ByRow::numbered)).run(conn).expect("rows")).0);
        }
        seeds.print();

        let feed = log().feed("reader");
        for what in ["keys", "rows"] {
            // Those of the table that was seeded first come first, until they are deleted.
            let _ = feed.remove(conn).expect("feeds");
            let (time, read) = timed(|| {
                let mut all = 0;
                while all < READ {
                    let batch = feed.next(conn, 1_000).expect("changes");
                    all += i64::try_from(batch.len()).expect("a thousand");
                    batch.done(conn).expect("a position");
                }
                all
            });
            let speed = read as f64 / time.as_secs_f64();
            println!("\n{}, reading {read} changes with {what}: {speed:.0} a second", $engine);
            run(conn, "DELETE FROM __covara_changes WHERE of_table = 'by_key'");
        }

        let mut work = Comparison::new(
            format!("{}, 100 changes, an insert for each", $engine), &["by hand", "process"]);
        let feed = log().feed("processor");
        feed.skip_all(conn).expect("a position");
        for round in 1..=50 {
            run(conn, "DELETE FROM done");
            for id in 0..200 {
                let row = ByRow::numbered(SEEDED + round * 200 + id);
                diesel::insert_into(by_row::table).values(row).execute(conn).expect("a row");
            }
            let mut by_hand = || conn.transaction(|conn| {
                let after = number(conn, "SELECT number AS n FROM position");
                let rows = diesel::sql_query(format!(
                    "SELECT number, of_table, operation, key, new_row, at FROM __covara_changes
                     WHERE number > {after} AND of_table = 'by_row' ORDER BY number DESC LIMIT 100"
                )).load::<Entry>(conn)?;
                for entry in &rows {
                    entry.decode();
                    insert(conn, entry.number, &entry.key)?;
                }
                run(conn, "UPDATE position SET number = 0");
                QueryResult::Ok(())
            });
            work.add(0, timed(|| by_hand().expect("rows")).0);
            run(conn, "DELETE FROM done");
            let (time, count) = timed(|| feed.process(conn, 100, |conn, change: &Change| {
                insert(conn, change.number, &change.key.to_string())
            }).expect("changes"));
            assert_eq!(count, 100);
            work.add(1, time);
            feed.skip_all(conn).expect("a position");
        }
        work.print();

        feed.skip_all(conn).expect("a position");
        let begun = time_of_thread();
        assert!(!feed.wait($pool, WAITED).expect("no change"));
        let worked = time_of_thread().saturating_sub(begun);
        println!(
            "\n{}, waiting for {WAITED:?} without a change: {:.3} % of a core",
            $engine,
            worked.as_secs_f64() / WAITED.as_secs_f64() * 100.0,
        );
    }};
}

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    new_row: String,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

impl Entry {
    /// Decodes what every use of a row needs.
    fn decode(&self) {
        let json = [&self.key, &self.new_row].map(|json| {
            serde_json::from_str::<serde_json::Value>(json).expect("the JSON of a trigger")
        });
        std::hint::black_box((&self.of_table, &self.operation, self.at, json));
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

diesel::table! {
    done (number) {
        number -> BigInt,
        key -> Text,
    }
}

fn run<C: SimpleConnection>(conn: &mut C, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

mod by_type {
    macro_rules! functions {
        ($conn:ty) => {
            pub fn insert(conn: &mut $conn, number: i64, key: &str) -> QueryResult<()> {
                let row = (done::number.eq(number), done::key.eq(key));
                diesel::insert_into(done::table)
                    .values(row)
                    .execute(conn)
                    .map(drop)
            }

            pub fn number(conn: &mut $conn, sql: &str) -> i64 {
                diesel::sql_query(sql)
                    .get_result::<Number>(conn)
                    .expect(sql)
                    .n
            }
        };
    }
    pub(crate) use functions;
}

fn sqlite() {
    by_type::functions!(SqliteConnection);

    let db = support::sqlite::TestDb::new();
    let pool = pool::sqlite(db.url()).expect("a new file");
    let conn: &mut SqliteConnection = &mut pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result::<String>(conn)
        .expect("SQLite knows its version");
    print_setting("SQLite", version, "a file");
    measure!("SQLite", &pool, conn);
}

#[cfg(feature = "postgres")]
fn postgres() {
    use covara_diesel::pool::PoolDriver;

    by_type::functions!(PgConnection);

    let db = support::postgres::TestDb::new();
    let pool = pool::postgres(db.url(), PoolDriver::Postgres).expect("the test server");
    let conn: &mut PgConnection = &mut pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>(
        "current_setting('server_version')",
    ))
    .get_result::<String>(conn)
    .expect("the server knows its version");
    print_setting("PostgreSQL", version, "one connection");
    measure!("PostgreSQL", &pool, conn);
}
