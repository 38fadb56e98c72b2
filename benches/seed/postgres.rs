//! The contestants on PostgreSQL.

use chrono::{DateTime, NaiveDateTime};
use covara_diesel::pool::PoolDriver;
use covara_diesel::{Seed, Seedable, pool};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, PooledConnection};
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamp};
use support::postgres::TestDb;

use super::comparison::{Comparison, timed};
use super::growth::{Contestant, Engine, Run};
use super::measure::print_setting;
use super::rows::{fields, in_chunks};
use super::{ROUNDS, ROWS};

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
type Insert = fn(&mut PgConnection, &[User]) -> usize;

const COPY: &str = "COPY straight into it";
const COPY_STREAMED: &str = "COPY straight in, 10,000 rows each";
const UNNEST: &str = "UNNEST, 10,000 rows a statement";

pub const ENGINE: Engine = Engine {
    name: "PostgreSQL",
    version: || version(&mut TestDb::new().connect()),
    new_database: || {
        let db = TestDb::new();
        let url = db.url();
        (Box::new(db), url)
    },
    contestants: &[
        Contestant {
            name: COPY_STREAMED,
            run: |url, rows| {
                stream(url, rows, |conn| {
                    in_transaction(conn, |conn| {
                        in_chunks(streamed(rows), 10_000, |chunk| by_copy(conn, chunk))
                    })
                })
            },
        },
        Contestant {
            name: "Seed",
            run: |url, rows| {
                stream(url, rows, |conn| {
                    let summary = Seed::new().rows(streamed(rows)).run(conn);
                    summary.expect("good rows").inserted()
                })
            },
        },
        Contestant {
            name: UNNEST,
            run: |url, rows| {
                stream(url, rows, |conn| {
                    in_transaction(conn, |conn| {
                        in_chunks(streamed(rows), 10_000, |chunk| unnest(conn, chunk))
                    })
                })
            },
        },
        Contestant {
            name: "Diesel, 1,000 rows a statement",
            run: |url, rows| {
                stream(url, rows, |conn| {
                    in_transaction(conn, |conn| {
                        in_chunks(streamed(rows), 1_000, |chunk| by_diesel(conn, chunk))
                    })
                })
            },
        },
    ],
};

type Conn = PooledConnection<ConnectionManager<PgConnection>>;

/// A pool's connection, as an application has it.
fn open(url: &str) -> Conn {
    let pool = pool::postgres(url, PoolDriver::Postgres).expect("the test server");
    pool.get().expect("a connection")
}

fn version(conn: &mut PgConnection) -> String {
    diesel::select(diesel::dsl::sql::<Text>(
        "split_part(current_setting('server_version'), ' ', 1)",
    ))
    .get_result(conn)
    .expect("the server knows its version")
}

fn create(conn: &mut PgConnection) {
    conn.batch_execute(CREATE).expect("a new table");
    conn.batch_execute("CHECKPOINT").expect("an administrator");
}

fn stream(url: &str, rows: i64, insert: impl FnOnce(&mut Conn) -> usize) -> Run {
    let mut conn = open(url);
    create(&mut conn);
    let run = Run::of(rows, || insert(&mut conn));
    check(&mut conn, rows, &user(rows - 1));
    run
}

fn streamed(rows: i64) -> impl Iterator<Item = User> {
    (0..rows).map(user)
}

fn in_transaction(conn: &mut PgConnection, work: impl FnOnce(&mut PgConnection) -> usize) -> usize {
    conn.transaction(|conn| QueryResult::Ok(work(conn)))
        .expect("a server that stays")
}

pub fn compare_all() {
    let db = TestDb::new();
    let conn = &mut *open(&db.url());
    print_setting(
        "PostgreSQL",
        version(conn),
        format!("{ROWS} rows in memory"),
    );

    let rows: Vec<User> = (0..ROWS).map(user).collect();
    let mut empty = Comparison::new("PostgreSQL, empty table", &[COPY, "Seed", UNNEST]);
    let mut half = Comparison::new(
        "PostgreSQL, every second row there already",
        &[UNNEST, "Seed"],
    );
    let mut again = Comparison::new("PostgreSQL, all rows there already", &[UNNEST, "Seed"]);
    let mut fill = |conn: &mut PgConnection, position, insert: Insert| {
        create(conn);
        let (time, inserted) = timed(|| insert(conn, &rows));
        assert_eq!(inserted as i64, ROWS);
        check(conn, ROWS, &rows[rows.len() - 1]);
        empty.add(position, time);
    };
    let second: Vec<User> = (0..ROWS).step_by(2).map(user).collect();
    let mut fill_up = |conn: &mut PgConnection, position, insert: Insert| {
        conn.batch_execute(CREATE).expect("a new table");
        assert_eq!(by_copy(conn, &second), second.len());
        conn.batch_execute("CHECKPOINT").expect("an administrator");
        let (time, inserted) = timed(|| insert(conn, &rows));
        assert_eq!(inserted, rows.len() - second.len());
        check(conn, ROWS, &rows[rows.len() - 1]);
        half.add(position, time);
    };
    let mut repeat = |conn: &mut PgConnection, position, insert: Insert| {
        let (time, inserted) = timed(|| insert(conn, &rows));
        assert_eq!(inserted, 0);
        check(conn, ROWS, &rows[rows.len() - 1]);
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
    in_transaction(conn, |conn| {
        rows.chunks(10_000).map(|chunk| unnest(conn, chunk)).sum()
    })
}

fn unnest(conn: &mut PgConnection, rows: &[User]) -> usize {
    fn column<'a, T>(rows: &'a [User], value: impl Fn(&'a User) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
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
    .expect("good rows")
}

fn by_diesel(conn: &mut PgConnection, rows: &[User]) -> usize {
    diesel::insert_into(users::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)
        .expect("good rows")
}

/// That all rows are there, with the values they were given.
fn check(conn: &mut PgConnection, rows: i64, last: &User) {
    assert_eq!(users::table.count().get_result(conn), Ok(rows));
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
    assert_eq!(without_name.get_result(conn), Ok(rows / 10));
}
