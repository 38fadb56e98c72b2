//! Files: CSV and NDJSON, for a struct and for a table that the database describes.

use std::cell::RefCell;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{Seed, SeedError, SeedSummary, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::Value;

use crate::choice;

diesel::table! {
    texts (line) {
        line -> Integer,
        a -> Nullable<Text>,
        b -> Text,
    }
}

diesel::table! {
    typed (id) {
        id -> BigInt,
        small -> Nullable<SmallInt>,
        number -> Nullable<Integer>,
        float -> Nullable<Double>,
        truth -> Nullable<Bool>,
        day -> Nullable<Date>,
        hour -> Nullable<Time>,
        moment -> Nullable<Timestamp>,
        bytes -> Nullable<Binary>,
        json -> Nullable<Json>,
    }
}

const CREATE: &str = "
    CREATE TABLE texts (line INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL);
    CREATE TABLE typed (id BIGINT PRIMARY KEY NOT NULL, small SMALLINT, number INTEGER,
        float DOUBLE, truth BOOLEAN, day DATE, hour TIME, moment TIMESTAMP, bytes BLOB, json JSON,
        any, decimal DECIMAL(10, 2), name VARCHAR(10) DEFAULT 'x', made AS (id + 1));";

#[derive(Seedable)]
#[diesel(table_name = texts)]
struct Texts {
    a: Option<String>,
    b: String,
}

#[derive(Seedable)]
#[diesel(table_name = typed)]
struct Typed {
    id: i64,
    small: Option<i16>,
    number: Option<i32>,
    float: Option<f64>,
    truth: Option<bool>,
    day: Option<NaiveDate>,
    hour: Option<NaiveTime>,
    moment: Option<NaiveDateTime>,
    bytes: Option<Vec<u8>>,
    json: Option<Value>,
}

type Rows = Vec<(Option<String>, String)>;

/// Runs `add` on empty tables, looks at what came of it, and undoes it.
fn seed<'a>(
    add: impl FnOnce(Seed<'a, SqliteConnection>) -> Seed<'a, SqliteConnection>,
    table: &str,
) -> (Result<SeedSummary, SeedError>, Rows) {
    thread_local! {
        static CONN: RefCell<SqliteConnection> = RefCell::new(connect());
    }
    CONN.with_borrow_mut(|conn| {
        let mut came = None;
        let undone = conn.transaction::<(), _, _>(|conn| {
            let result = add(Seed::new()).run(conn);
            let rows = texts::table.select((texts::a, texts::b)).order(texts::line);
            let rows: Rows = rows.load(conn)?;
            let count = diesel::dsl::sql::<diesel::sql_types::BigInt>("count(*) FROM ");
            let count: i64 = diesel::select(count.sql(table)).get_result(conn)?;
            let count = usize::try_from(count).expect("a count");
            match &result {
                Ok(summary) => {
                    assert_eq!(summary.inserted(), count);
                    assert_eq!(summary.attempted(), count + summary.skipped());
                }
                Err(error) => {
                    assert_eq!(count, 0, "kept in spite of {error}");
                    assert!(!error.to_string().is_empty());
                }
            }
            came = Some((result, rows));
            Err(diesel::result::Error::RollbackTransaction)
        });
        assert_eq!(undone, Err(diesel::result::Error::RollbackTransaction));
        came.expect("an outcome")
    })
}

fn connect() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    conn.batch_execute(CREATE).expect("tables");
    conn
}

pub(crate) fn csv(data: &[u8]) {
    let (way, data) = choice(data);
    match way % 4 {
        0 => {
            let file = [b"a,b\n", data].concat();
            let (result, rows) = seed(|seed| seed.csv::<Texts>(file.as_slice()), "texts");
            if result.is_ok() {
                // `""` is the empty text here, and the crate does not tell it from nothing.
                let rows: Rows = rows
                    .into_iter()
                    .map(|(a, b)| (a.filter(|a| !a.is_empty()), b))
                    .collect();
                assert_eq!(rows, plain_csv(&file));
            }
        }
        1 => drop(seed(|seed| seed.csv::<Typed>(data), "typed")),
        2 => {
            let source = FixtureSource::reader("x.csv", data);
            drop(seed(|seed| seed.fixture("typed", source), "typed"));
        }
        _ => {
            let source = FixtureSource::reader("x.csv.gz", data);
            drop(seed(|seed| seed.fixture("typed", source), "typed"));
        }
    }
}

/// Reads the rows behind the header by the crate `csv` alone.
fn plain_csv(file: &[u8]) -> Rows {
    let mut reader = csv::Reader::from_reader(file);
    let rows = reader.records().map(|record| {
        let record = record.expect("a record, as the seed read it");
        assert_eq!(record.len(), 2);
        let a = Some(record[0].to_owned()).filter(|a| !a.is_empty());
        (a, record[1].to_owned())
    });
    rows.collect()
}

pub(crate) fn ndjson(data: &[u8]) {
    let (way, data) = choice(data);
    match way % 3 {
        0 => {
            let (result, rows) = seed(|seed| seed.ndjson::<Texts>(data), "texts");
            if result.is_ok() && !is_utf_16(data) {
                assert_eq!(rows, plain_ndjson(data));
            }
        }
        1 => drop(seed(|seed| seed.ndjson::<Typed>(data), "typed")),
        _ => {
            let source = FixtureSource::reader("x.ndjson", data);
            drop(seed(|seed| seed.fixture("typed", source), "typed"));
        }
    }
}

/// Returns whether the seed decodes the file first.
fn is_utf_16(file: &[u8]) -> bool {
    file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff")
}

/// Reads the rows by `serde_json` alone.
fn plain_ndjson(file: &[u8]) -> Rows {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let lines = file.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let rows = lines.map(|line| {
        let row: Value = serde_json::from_slice(line).expect("an object, as the seed read it");
        let text = |key: &str| row.get(key)?.as_str().map(str::to_owned);
        (text("a"), text("b").expect("a text"))
    });
    rows.collect()
}
