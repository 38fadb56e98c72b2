//! Seeding 300,000 rows, compared with the fastest way to the same rows by hand.
//!
//!     cargo bench --bench seed
//!     tests/with-postgres cargo bench --features postgres --bench seed
//!
//! With ascending keys the database has the least work to do, so that what a library adds
//! shows the most. Scattered keys, as UUIDs are, touch other pages of the indexes with each
//! row, which is where SQLite pays for statements of several rows.

mod comparison;
mod measure;
mod raw_sqlite;

const ROWS: i64 = 300_000;
const ROUNDS: usize = 5;

fn main() {
    sqlite::run();
    #[cfg(feature = "postgres")]
    postgres::run();
    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench seed"
    );
}

type Fields = (String, String, Option<String>, Option<i32>, i64);

/// The same for each number on each run, and another for each number: the modulus is prime.
fn scattered(number: i64) -> i64 {
    number * 2_654_435_761 % 100_000_007
}

/// The values of the row of that number: a tenth of the names and a seventh of the ages
/// are NULL.
fn fields(number: i64, key: i64) -> Fields {
    (
        format!("user-{key:09}"),
        format!("person.{key:09}@example.com"),
        (number % 10 != 0).then(|| format!("Person Number {number}")),
        (number % 7 != 0).then_some((number % 90) as i32),
        1_700_000_000 + number,
    )
}

mod sqlite {
    use std::time::Duration;

    use covara_diesel::{Seed, Seedable, pool};
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::sql_types::Text;
    use support::sqlite::TestDb;

    use super::comparison::{Comparison, timed};
    use super::measure::print_setting;
    use super::{ROUNDS, ROWS, fields, raw_sqlite, scattered};

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

    /// Diesel's own insert would otherwise take NULLs for defaults and insert row by row.
    #[derive(Seedable, Insertable)]
    #[diesel(table_name = users, treat_none_as_default_value = false)]
    struct User {
        id: String,
        email: String,
        name: Option<String>,
        age: Option<i32>,
        created_at: i64,
    }

    fn user(number: i64, key: i64) -> User {
        let (id, email, name, age, created_at) = fields(number, key);
        User {
            id,
            email,
            name,
            age,
            created_at,
        }
    }

    /// Inserts the rows into a file that has an empty table, then once more.
    type Contestant = fn(&str, &[User]) -> [Duration; 2];

    const CONTESTANTS: [(&str, Contestant); 3] = [
        ("C loop, one row a statement", by_hand),
        ("Seed", by_seed),
        ("Diesel, 1,000 rows a statement", by_diesel),
    ];

    pub fn run() {
        let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
            .get_result::<String>(&mut TestDb::new().connect())
            .expect("SQLite knows its version");
        print_setting("SQLite", version, format!("{ROWS} rows"));
        compare("ascending", |number| number);
        compare("scattered", scattered);
    }

    fn compare(order: &str, key: fn(i64) -> i64) {
        let title = |state| format!("SQLite, {order} keys, {state}");
        let names = CONTESTANTS.map(|(name, _)| name);
        let mut empty = Comparison::new(title("empty table"), &names);
        let mut again = Comparison::new(title("all rows there already"), &names);
        let rows: Vec<User> = (0..ROWS).map(|number| user(number, key(number))).collect();
        for _ in 0..ROUNDS {
            for (position, (_, insert)) in CONTESTANTS.into_iter().enumerate() {
                let db = TestDb::new();
                let [first, second] = insert(&db.url(), &rows);
                check(&db, &rows);
                empty.add(position, first);
                again.add(position, second);
            }
        }
        empty.print();
        again.print();
    }

    fn by_hand(path: &str, rows: &[User]) -> [Duration; 2] {
        let mut conn = raw_sqlite::Connection::open(path);
        // What the pool sets up for the others.
        conn.execute(
            "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;
             PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL",
        );
        conn.execute(CREATE);
        let mut insert = |expected| {
            let (time, inserted) = timed(|| {
                conn.insert(
                    "INSERT OR IGNORE INTO users (id, email, name, age, created_at) \
                     VALUES (?, ?, ?, ?, ?)",
                    rows.iter().map(|user| {
                        let name = user.name.as_deref();
                        (&*user.id, &*user.email, name, user.age, user.created_at)
                    }),
                )
            });
            assert_eq!(inserted, expected);
            time
        };
        [insert(ROWS), insert(0)]
    }

    fn by_seed(path: &str, rows: &[User]) -> [Duration; 2] {
        let pool = pool::sqlite(path).expect("a new file");
        let mut conn = pool.get().expect("a connection");
        conn.batch_execute(CREATE).expect("a new table");
        let mut seed = |expected| {
            let (time, summary) = timed(|| Seed::new().table(rows).run(&mut conn));
            assert_eq!(summary.expect("good rows").inserted() as i64, expected);
            time
        };
        [seed(ROWS), seed(0)]
    }

    fn by_diesel(path: &str, rows: &[User]) -> [Duration; 2] {
        let pool = pool::sqlite(path).expect("a new file");
        let mut conn = pool.get().expect("a connection");
        conn.batch_execute(CREATE).expect("a new table");
        let mut insert = |expected| {
            let (time, inserted) = timed(|| {
                conn.immediate_transaction(|conn| {
                    rows.chunks(1_000).try_fold(0, |inserted, chunk| {
                        diesel::insert_or_ignore_into(users::table)
                            .values(chunk)
                            .execute(conn)
                            .map(|more| inserted + more)
                    })
                })
            });
            assert_eq!(inserted.expect("good rows") as i64, expected);
            time
        };
        [insert(ROWS), insert(0)]
    }

    /// That all rows are there, with the values they were given.
    fn check(db: &TestDb, rows: &[User]) {
        let conn = &mut db.connect();
        assert_eq!(users::table.count().get_result(conn), Ok(ROWS));
        let last = &rows[rows.len() - 1];
        let stored = users::table.find(&last.id).first(conn);
        let expected = (
            last.id.clone(),
            last.email.clone(),
            last.name.clone(),
            last.age,
            last.created_at,
        );
        assert_eq!(stored, Ok(expected));
        let without_name = users::table.filter(users::name.is_null()).count();
        assert_eq!(without_name.get_result(conn), Ok(ROWS / 10));
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use chrono::{DateTime, NaiveDateTime};
    use covara_diesel::pool::PoolDriver;
    use covara_diesel::{Seed, Seedable, pool};
    use diesel::connection::SimpleConnection;
    use diesel::pg::PgConnection;
    use diesel::prelude::*;
    use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamp};
    use support::postgres::TestDb;

    use super::comparison::{Comparison, timed};
    use super::measure::print_setting;
    use super::{ROUNDS, ROWS, fields};

    diesel::table! {
        users (id) {
            id -> Text,
            email -> Text,
            name -> Nullable<Text>,
            age -> Nullable<Integer>,
            created_at -> Timestamp,
        }
    }

    /// A new table for each run, and no pages left to be written from the run before. The
    /// server's own vacuum would run beside some contestants and not beside others.
    const CREATE: &str = "
        DROP TABLE IF EXISTS users;
        CREATE TABLE users (
            id TEXT PRIMARY KEY,
            email TEXT NOT NULL UNIQUE,
            name TEXT,
            age INTEGER,
            created_at TIMESTAMP NOT NULL
        ) WITH (autovacuum_enabled = false)";

    #[derive(Seedable, Insertable)]
    #[diesel(table_name = users, treat_none_as_default_value = false)]
    struct User {
        id: String,
        email: String,
        name: Option<String>,
        age: Option<i32>,
        created_at: NaiveDateTime,
    }

    fn user(number: i64) -> User {
        let (id, email, name, age, created_at) = fields(number, number);
        let created_at = DateTime::from_timestamp(created_at, 0).expect("a date of our time");
        User {
            id,
            email,
            name,
            age,
            created_at: created_at.naive_utc(),
        }
    }

    /// Inserts the rows and says how many of them were new.
    type Contestant = fn(&mut PgConnection, &[User]) -> usize;

    pub fn run() {
        let db = TestDb::new();
        // A pool's connection, as an application has it.
        let pool = pool::postgres(db.url(), PoolDriver::Postgres).expect("the test server");
        let conn = &mut *pool.get().expect("a connection");
        let version = diesel::select(diesel::dsl::sql::<Text>(
            "current_setting('server_version')",
        ))
        .get_result::<String>(conn)
        .expect("the server knows its version");
        print_setting("PostgreSQL", version, format!("{ROWS} rows"));

        let rows: Vec<User> = (0..ROWS).map(user).collect();
        const UNNEST: &str = "UNNEST, 10,000 rows a statement";
        let mut empty = Comparison::new(
            "PostgreSQL, empty table",
            &["COPY straight into it", "Seed", UNNEST],
        );
        let mut half = Comparison::new(
            "PostgreSQL, every second row there already",
            &[UNNEST, "Seed"],
        );
        let mut again = Comparison::new("PostgreSQL, all rows there already", &[UNNEST, "Seed"]);
        let mut fill = |conn: &mut PgConnection, position, insert: Contestant| {
            conn.batch_execute(CREATE).expect("a new table");
            conn.batch_execute("CHECKPOINT").expect("an administrator");
            let (time, inserted) = timed(|| insert(conn, &rows));
            assert_eq!(inserted as i64, ROWS);
            check(conn, &rows);
            empty.add(position, time);
        };
        let second: Vec<User> = (0..ROWS).step_by(2).map(user).collect();
        let mut fill_up = |conn: &mut PgConnection, position, insert: Contestant| {
            conn.batch_execute(CREATE).expect("a new table");
            assert_eq!(by_copy(conn, &second), second.len());
            conn.batch_execute("CHECKPOINT").expect("an administrator");
            let (time, inserted) = timed(|| insert(conn, &rows));
            assert_eq!(inserted, rows.len() - second.len());
            check(conn, &rows);
            half.add(position, time);
        };
        let mut repeat = |conn: &mut PgConnection, position, insert: Contestant| {
            let (time, inserted) = timed(|| insert(conn, &rows));
            assert_eq!(inserted, 0);
            check(conn, &rows);
            again.add(position, time);
        };
        for _ in 0..ROUNDS {
            fill(conn, 0, by_copy);
            fill(conn, 1, by_seed);
            fill(conn, 2, by_unnest);
            repeat(conn, 0, by_unnest);
            repeat(conn, 1, by_seed);
            fill_up(conn, 0, by_unnest);
            fill_up(conn, 1, by_seed);
        }
        empty.print();
        half.print();
        again.print();
    }

    /// The binary format, which is faster than text here.
    fn by_copy(conn: &mut PgConnection, rows: &[User]) -> usize {
        diesel::copy_from(users::table)
            .from_insertable(rows)
            .execute(conn)
            .expect("good rows")
    }

    fn by_seed(conn: &mut PgConnection, rows: &[User]) -> usize {
        let summary = Seed::new().table(rows).run(conn).expect("good rows");
        summary.inserted()
    }

    fn by_unnest(conn: &mut PgConnection, rows: &[User]) -> usize {
        fn column<'a, T>(rows: &'a [User], value: impl Fn(&'a User) -> T) -> Vec<T> {
            rows.iter().map(value).collect()
        }
        conn.transaction(|conn| {
            rows.chunks(10_000).try_fold(0, |inserted, rows| {
                diesel::sql_query(
                    "INSERT INTO users (id, email, name, age, created_at) \
                     SELECT * FROM UNNEST($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                )
                .bind::<Array<Text>, _>(column(rows, |user| &user.id))
                .bind::<Array<Text>, _>(column(rows, |user| &user.email))
                .bind::<Array<Nullable<Text>>, _>(column(rows, |user| user.name.as_deref()))
                .bind::<Array<Nullable<Integer>>, _>(column(rows, |user| user.age))
                .bind::<Array<Timestamp>, _>(column(rows, |user| user.created_at))
                .execute(conn)
                .map(|more| inserted + more)
            })
        })
        .map_err(|error: diesel::result::Error| error)
        .expect("good rows")
    }

    /// That all rows are there, with the values they were given.
    fn check(conn: &mut PgConnection, rows: &[User]) {
        assert_eq!(users::table.count().get_result(conn), Ok(ROWS));
        let last = &rows[rows.len() - 1];
        let stored = users::table.find(&last.id).first(conn);
        let expected = (
            last.id.clone(),
            last.email.clone(),
            last.name.clone(),
            last.age,
            last.created_at,
        );
        assert_eq!(stored, Ok(expected));
        let without_name = users::table.filter(users::name.is_null()).count();
        assert_eq!(without_name.get_result(conn), Ok(ROWS / 10));
    }
}
