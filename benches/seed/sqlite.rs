//! The contestants on SQLite.

use std::borrow::Borrow;
use std::time::Duration;

use covara_diesel::{Seed, Seedable, pool};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, PooledConnection};
use diesel::sql_types::Text;
use support::sqlite::TestDb;

use super::comparison::{Comparison, timed};
use super::growth::{Contestant, Engine, Run};
use super::measure::print_setting;
use super::rows::{fields, in_chunks, scattered};
use super::{ROUNDS, ROWS, raw_sqlite};

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

impl User {
    fn values(&self) -> raw_sqlite::Row<'_> {
        let name = self.name.as_deref();
        (&self.id, &self.email, name, self.age, self.created_at)
    }
}

/// Inserts the rows into a file that has an empty table, then once more.
type Twice = fn(&str, &[User]) -> [Duration; 2];

const IN_MEMORY: [(&str, Twice); 3] = [
    (C_LOOP, c_loop_twice),
    ("Seed", seed_twice),
    (DIESEL, diesel_twice),
];

const C_LOOP: &str = "C loop, one row a statement";
const DIESEL: &str = "Diesel, 1,000 rows a statement";

pub const ENGINE: Engine = Engine {
    name: "SQLite",
    version,
    new_database: || {
        let db = TestDb::new();
        let url = db.url();
        (Box::new(db), url)
    },
    contestants: &[
        Contestant {
            name: C_LOOP,
            run: |path, rows| {
                let mut conn = open_in_c(path);
                let run = Run::of(rows, || c_loop(&mut conn, streamed(rows)));
                check_stream(path, rows);
                run
            },
        },
        Contestant {
            name: "Seed",
            run: |path, rows| {
                let mut conn = open(path);
                let run = Run::of(rows, || {
                    let summary = Seed::new().rows(streamed(rows)).run(&mut conn);
                    summary.expect("good rows").inserted()
                });
                check_stream(path, rows);
                run
            },
        },
        Contestant {
            name: DIESEL,
            run: |path, rows| {
                let mut conn = open(path);
                let run = Run::of(rows, || {
                    in_transaction(&mut conn, |conn| {
                        in_chunks(streamed(rows), 1_000, |chunk| insert(conn, chunk))
                    })
                });
                check_stream(path, rows);
                run
            },
        },
    ],
};

fn streamed(rows: i64) -> impl Iterator<Item = User> {
    (0..rows).map(|number| user(number, number))
}

fn version() -> String {
    diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result(&mut TestDb::new().connect())
        .expect("SQLite knows its version")
}

pub fn compare_all() {
    print_setting("SQLite", version(), format!("{ROWS} rows in memory"));
    compare("ascending", |number| number);
    compare("scattered", scattered);
}

fn compare(order: &str, key: fn(i64) -> i64) {
    let title = |state| format!("SQLite, {order} keys, {state}");
    let names = IN_MEMORY.map(|(name, _)| name);
    let mut empty = Comparison::new(title("empty table"), &names);
    let mut again = Comparison::new(title("all rows there already"), &names);
    let rows: Vec<User> = (0..ROWS).map(|number| user(number, key(number))).collect();
    for _ in 0..ROUNDS {
        for (position, (_, insert)) in IN_MEMORY.into_iter().enumerate() {
            let db = TestDb::new();
            let [first, second] = insert(&db.url(), &rows);
            check(&db.url(), ROWS, &rows[rows.len() - 1]);
            empty.add(position, first);
            again.add(position, second);
        }
    }
    empty.print();
    again.print();
}

fn open_in_c(path: &str) -> raw_sqlite::Connection {
    let mut conn = raw_sqlite::Connection::open(path);
    // What the pool sets up for the others.
    conn.execute(
        "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;
         PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL",
    );
    conn.execute(CREATE);
    conn
}

fn c_loop<T: Borrow<User>>(
    conn: &mut raw_sqlite::Connection,
    rows: impl Iterator<Item = T>,
) -> usize {
    let inserted = conn.insert(
        "INSERT OR IGNORE INTO users (id, email, name, age, created_at) VALUES (?, ?, ?, ?, ?)",
        rows,
        |user| user.borrow().values(),
    );
    inserted as usize
}

fn c_loop_twice(path: &str, rows: &[User]) -> [Duration; 2] {
    let mut conn = open_in_c(path);
    twice(rows, || c_loop(&mut conn, rows.iter()))
}

type Conn = PooledConnection<ConnectionManager<SqliteConnection>>;

fn open(path: &str) -> Conn {
    let pool = pool::sqlite(path).expect("a new file");
    let mut conn = pool.get().expect("a connection");
    conn.batch_execute(CREATE).expect("a new table");
    conn
}

fn seed_twice(path: &str, rows: &[User]) -> [Duration; 2] {
    let mut conn = open(path);
    twice(rows, || {
        let summary = Seed::new().table(rows).run(&mut conn);
        summary.expect("good rows").inserted()
    })
}

fn insert(conn: &mut SqliteConnection, rows: &[User]) -> usize {
    diesel::insert_or_ignore_into(users::table)
        .values(rows)
        .execute(conn)
        .expect("good rows")
}

fn in_transaction(
    conn: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> usize,
) -> usize {
    conn.immediate_transaction(|conn| QueryResult::Ok(work(conn)))
        .expect("a writable file")
}

fn diesel_twice(path: &str, rows: &[User]) -> [Duration; 2] {
    let mut conn = open(path);
    twice(rows, || {
        in_transaction(&mut conn, |conn| {
            rows.chunks(1_000).map(|chunk| insert(conn, chunk)).sum()
        })
    })
}

/// Times an insert into the empty table and one into the full one.
fn twice(rows: &[User], mut insert: impl FnMut() -> usize) -> [Duration; 2] {
    [rows.len(), 0].map(|expected| {
        let (time, inserted) = timed(&mut insert);
        assert_eq!(inserted, expected);
        time
    })
}

fn check_stream(path: &str, rows: i64) {
    check(path, rows, &user(rows - 1, rows - 1));
}

/// That all rows are there, with the values they were given.
fn check(path: &str, rows: i64, last: &User) {
    let conn = &mut SqliteConnection::establish(path).expect("the file");
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
