//! Files that SQLite's command line writes of a table go back into it as the same values, or are an
//! error.

use std::collections::BTreeSet;

use covara_diesel::Seed;
use covara_diesel::fixture::FixtureSource;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::backend::{Conn, TestDb};

const TYPES: [&str; 24] = [
    "",
    "ANY",
    "INTEGER",
    "INT",
    "BIGINT",
    "UNSIGNED BIG INT",
    "REAL",
    "DOUBLE PRECISION",
    "FLOATING POINT",
    "NUMERIC",
    "DECIMAL(10, 2)",
    "TEXT",
    "VARCHAR(10)",
    "BLOB",
    "BOOLEAN",
    "DATE",
    "TIME",
    "DATETIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "JSON",
    "UUID",
    "INTERVAL",
    "POINT",
];

const VALUES: [&str; 34] = [
    "0",
    "1",
    "-7",
    "9223372036854775807",
    "0.1",
    "1.5",
    "3.0",
    "1e20",
    "1e-7",
    "-9e999",
    "''",
    "'a,b\"c'",
    "' x '",
    "'7'",
    "'007'",
    "'1.50'",
    "'1e5'",
    "'12345678901234567890'",
    "'true'",
    "'True'",
    "'NULL'",
    "'2026'",
    "'20260131'",
    "'26-01-31'",
    "'2026-01-31'",
    "'10:00:00'",
    "'2026-01-31T10:00:00.000Z'",
    "'2026-01-31 10:00:00'",
    "'2026-01-31T10:00:00+02:00'",
    "'[1,  2]'",
    "'{\"a\":1}'",
    "'1769853600'",
    "x'01020304'",
    "x'616263'",
];

/// Returns whether a value is stored as another one, because a file means that by it.
fn is_convention(sql_type: &str, value: &str) -> bool {
    let nothing = value == "''";
    let boolean = matches!(value, "'true'" | "'True'");
    let time = value.starts_with("'2026-01-31T") || value == "'2026-01-31 10:00:00'";
    match sql_type {
        // `true`, times in seconds.
        "INTEGER" | "INT" | "BIGINT" | "UNSIGNED BIG INT" => nothing || boolean || time,
        "BOOLEAN" => nothing || boolean,
        // In UTC.
        "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" => {
            nothing || value == "'2026-01-31T10:00:00+02:00'"
        }
        // Bytes are in base64 or hex.
        "BLOB" => !value.starts_with("x'"),
        "REAL" | "DOUBLE PRECISION" | "FLOATING POINT" | "NUMERIC" | "DECIMAL(10, 2)" | "DATE"
        | "TIME" => nothing,
        // A text that is no JSON is a JSON string in NDJSON.
        "JSON" => value.starts_with('\''),
        // CSV has the bytes themselves.
        "TEXT" | "VARCHAR(10)" | "" | "ANY" | "UUID" | "INTERVAL" | "POINT" => {
            value.starts_with("x'")
        }
        _ => false,
    }
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    quoted: String,
    #[diesel(sql_type = Nullable<Text>)]
    printed: Option<String>,
}

fn stored(conn: &mut Conn, table: &str) -> Vec<Stored> {
    let sql = format!(
        "SELECT typeof(v) || quote(v) AS quoted,
                CASE typeof(v) WHEN 'blob' THEN hex(v) ELSE CAST(v AS TEXT) END AS printed
         FROM {table} ORDER BY id"
    );
    diesel::sql_query(sql).load(conn).unwrap()
}

/// A field as `sqlite3 -csv` prints it: run with 3.40.1.
fn csv_field(stored: &Stored) -> String {
    let Some(printed) = &stored.printed else {
        return String::new();
    };
    // The bytes of a BLOB, which are ASCII here.
    let text = match stored.quoted.starts_with("blob") {
        true => (0..printed.len() / 2)
            .map(|at| u8::from_str_radix(&printed[2 * at..2 * at + 2], 16).unwrap())
            .map(char::from)
            .collect(),
        false => printed.clone(),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-+.:[]{}".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text,
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

fn seed(conn: &mut Conn, name: &str, file: &str) -> Result<usize, String> {
    let source = FixtureSource::reader(name, file.as_bytes());
    let seeded = Seed::new().fixture("seeded", source).run(conn);
    seeded
        .map(|summary| summary.inserted())
        .map_err(|error| error.to_string())
}

/// Seeds what `write` writes of each value in a column of each type. Returns the types and values
/// that came back.
fn round_trip(
    name: &str,
    write: fn(&mut Conn, &Stored) -> Option<String>,
) -> BTreeSet<(&'static str, &'static str)> {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let mut same = BTreeSet::new();
    let mut changed = Vec::new();
    // Without a commit for each value.
    conn.begin_test_transaction().unwrap();
    for sql_type in TYPES {
        conn.batch_execute(&format!(
            "DROP TABLE IF EXISTS given; DROP TABLE IF EXISTS seeded;
             CREATE TABLE given (id INTEGER PRIMARY KEY, v {sql_type});
             CREATE TABLE seeded (id INTEGER PRIMARY KEY, v {sql_type})"
        ))
        .unwrap();
        for value in VALUES {
            conn.batch_execute(&format!(
                "DELETE FROM given; DELETE FROM seeded; INSERT INTO given VALUES (1, {value})"
            ))
            .unwrap();
            let before = stored(conn, "given");
            let Some(file) = write(conn, &before[0]) else {
                continue;
            };
            match seed(conn, name, &file) {
                Ok(rows) => {
                    let after = stored(conn, "seeded");
                    assert_eq!((rows, after.len()), (1, 1));
                    if after[0].quoted == before[0].quoted {
                        same.insert((sql_type, value));
                    } else if !is_convention(sql_type, value) {
                        let (before, after) = (&before[0].quoted, &after[0].quoted);
                        changed.push(format!("{sql_type} {value}: {before} became {after}"));
                    }
                }
                Err(error) => {
                    let start = format!("{name}, line ");
                    assert!(error.starts_with(&start), "{sql_type} {value}: {error}");
                }
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
    same
}

/// Values that must come back.
const BACK: [(&str, &str); 34] = [
    ("INTEGER", "9223372036854775807"),
    ("INTEGER", "3.0"),
    ("INTEGER", "'007'"),
    ("UNSIGNED BIG INT", "-7"),
    ("REAL", "0"),
    ("REAL", "0.1"),
    ("REAL", "1e20"),
    ("REAL", "1e-7"),
    ("DOUBLE PRECISION", "'1.50'"),
    ("FLOATING POINT", "0.1"),
    ("FLOATING POINT", "1"),
    ("INTERVAL", "1.5"),
    ("INTERVAL", "'a,b\"c'"),
    ("POINT", "0.1"),
    ("POINT", "'[1,  2]'"),
    ("NUMERIC", "1e20"),
    ("DECIMAL(10, 2)", "0.1"),
    ("TEXT", "''"),
    ("TEXT", "'007'"),
    ("TEXT", "'NULL'"),
    ("TEXT", "1e20"),
    ("VARCHAR(10)", "'2026-01-31T10:00:00.000Z'"),
    ("", "'007'"),
    ("", "' x '"),
    ("ANY", "'a,b\"c'"),
    ("BOOLEAN", "1"),
    ("DATE", "'2026-01-31'"),
    ("TIME", "'10:00:00'"),
    ("DATETIME", "'2026-01-31T10:00:00.000Z'"),
    ("DATETIME", "'2026-01-31 10:00:00'"),
    ("TIMESTAMPTZ", "'2026-01-31T10:00:00.000Z'"),
    ("JSON", "'[1,  2]'"),
    ("JSON", "0.1"),
    ("UUID", "1e-7"),
];

#[test]
fn what_the_command_line_writes_as_csv_comes_back_or_is_refused() {
    let same = round_trip("given.csv", |_, stored| {
        Some(format!("id,v\n1,{}\n", csv_field(stored)))
    });
    let missing: Vec<_> = BACK.iter().filter(|case| !same.contains(case)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[test]
fn what_json_object_writes_comes_back_or_is_refused() {
    let same = round_trip("given.ndjson", |conn, stored| {
        // JSON holds no BLOB.
        if stored.quoted.starts_with("blob") {
            return None;
        }
        let sql = "SELECT json_object('id', id, 'v', v) AS line FROM given";
        let line: Line = diesel::sql_query(sql).get_result(conn).unwrap();
        Some(line.line)
    });
    let nested = ("JSON", "'[1,  2]'");
    let missing: Vec<_> = BACK.iter().filter(|case| !same.contains(case)).collect();
    assert_eq!(missing, [&nested]);
    // What CSV does not tell apart.
    for case in [("", "7"), ("", "'7'"), ("ANY", "-7"), ("", "0.1")] {
        assert!(
            same.contains(&case) || !VALUES.contains(&case.1),
            "{case:?}"
        );
    }
}

/// A key that SQLite has written is found again.
#[test]
fn a_time_as_key_is_found_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE seeded (at DATETIME PRIMARY KEY NOT NULL, n INTEGER);
         INSERT INTO seeded VALUES ('2026-01-31T10:00:00.000Z', 1), ('2026-01-31 10:00', 2)",
    )
    .unwrap();
    let csv = "at,n\n2026-01-31T10:00:00.000Z,1\n\"2026-01-31 10:00\",2\n";
    assert_eq!(seed(&mut conn, "x.csv", csv), Ok(0));
    for number in ["1769853600", "2461071.5", "2026", "20260131"] {
        let error = seed(&mut conn, "x.csv", &format!("at,n\n{number},1\n")).unwrap_err();
        assert!(
            error.starts_with("x.csv, line 2, column at: found"),
            "{error}"
        );
    }
    assert_eq!(seed(&mut conn, "x.csv", "at,n\n@1769853600,1\n"), Ok(1));
}

/// Digits that the column's affinity would lose.
#[test]
fn numbers_that_lose_digits_are_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE seeded (id INTEGER PRIMARY KEY, j JSON, d DECIMAL, r REAL, u UUID)",
    )
    .unwrap();
    for (column, cell) in [
        ("j", "12345678901234567890"),
        ("j", "0.12345678901234567890123"),
        ("j", "1e400"),
        ("d", "12345678901234.56789"),
        ("r", "NaN"),
        ("r", "nan"),
        ("u", "007"),
        ("u", "12345678901234567890"),
    ] {
        let error = seed(&mut conn, "x.csv", &format!("id,{column}\n1,{cell}\n")).unwrap_err();
        assert!(
            error.starts_with(&format!("x.csv, line 2, column {column}: ")),
            "{error}"
        );
    }
    let ndjson = r#"{"id": 1, "j": [12345678901234567890, 0.12345678901234567890123]}"#;
    assert_eq!(seed(&mut conn, "x.ndjson", ndjson), Ok(1));
}
