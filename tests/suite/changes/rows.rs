//! Rows as JSON, and back.

use chrono::{NaiveDate, NaiveDateTime};
use covara_diesel::Dialect;
use covara_diesel::changes::{Capture, ChangeLog, Operation};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::helpers::changes;
use super::{logged, read, run};
use crate::backend::{self, BLOB, TestDb};

diesel::table! {
    kinds (id) {
        id -> BigInt,
        flag -> Bool,
        small -> SmallInt,
        large -> BigInt,
        ratio -> Double,
        data -> Binary,
        #[sql_name = "odd \"name\""]
        text -> Text,
        day -> Date,
        moment -> Timestamp,
        absent -> Nullable<Text>,
    }
}

#[derive(Debug, Clone, PartialEq, Insertable, Queryable, Deserialize)]
#[diesel(table_name = kinds)]
struct Kind {
    id: i64,
    flag: bool,
    small: i16,
    large: i64,
    ratio: f64,
    data: Vec<u8>,
    #[serde(rename = "odd \"name\"")]
    text: String,
    #[serde(deserialize_with = "parsed")]
    day: NaiveDate,
    #[serde(deserialize_with = "parsed")]
    moment: NaiveDateTime,
    absent: Option<String>,
}

/// What serde does in chrono's feature of that name.
fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

diesel::table! {
    pairs (first, second) {
        first -> Text,
        second -> BigInt,
        note -> Text,
    }
}

#[test]
fn every_kind_of_value_is_read_back_exactly() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    run(
        conn,
        &format!(
            "CREATE TABLE kinds (id BIGINT PRIMARY KEY NOT NULL, flag BOOLEAN NOT NULL,
                 small SMALLINT NOT NULL, large BIGINT NOT NULL, ratio DOUBLE PRECISION NOT NULL,
                 data {BLOB} NOT NULL, \"odd \"\"name\"\"\" TEXT NOT NULL, day DATE NOT NULL,
                 moment TIMESTAMP NOT NULL, absent TEXT)"
        ),
    );
    let log = ChangeLog::new().table::<kinds::table>(Capture::Rows);
    log.install(conn).unwrap();
    let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
    let largest = crate::backend::LARGEST_WHOLE;
    let some = |id: i64, flag, ratio, data: &[u8], text: &str, absent: Option<&str>| Kind {
        id,
        flag,
        small: -7,
        large: if flag { largest } else { -largest },
        ratio,
        data: data.to_vec(),
        text: text.to_owned(),
        day,
        moment: day.and_hms_micro_opt(23, 59, 58, 123_456).unwrap(),
        absent: absent.map(str::to_owned),
    };
    let rows = [
        some(1, true, 0.1 + 0.2, &[], "plain", None),
        some(
            2,
            false,
            1.0,
            &[0, 1, 127, 128, 255],
            "\"quoted\" \\ 'and'\n\t{}",
            Some(""),
        ),
        some(3, true, -1.5e300, b"\\x00", "\\x0102", Some("null")),
        some(
            4,
            false,
            2.5e-308,
            b"hi",
            "Ñuñoa 東京 😀 \u{1}",
            Some("true"),
        ),
    ];
    for row in &rows {
        diesel::insert_into(kinds::table)
            .values(row)
            .execute(conn)
            .unwrap();
    }
    let read: Vec<Kind> = changes(conn, "reader")
        .iter()
        .map(|change| {
            change
                .new_as()
                .unwrap_or_else(|error| panic!("{error:?} in {change:?}"))
        })
        .collect();
    assert_eq!(read, rows);
    diesel::delete(kinds::table).execute(conn).unwrap();
    let mut deleted: Vec<Kind> = changes(conn, "reader")
        .iter()
        .map(|change| change.old_as().unwrap())
        .collect();
    deleted.sort_by_key(|row| row.id);
    assert_eq!(deleted, rows);
}

#[test]
fn each_operation_has_the_rows_that_it_has() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    run(conn, "UPDATE items SET name = 'b'");
    run(conn, "DELETE FROM items");
    run(conn, "UPDATE items SET name = 'c'");
    let (a, b) = (json!({"id": 1, "name": "a"}), json!({"id": 1, "name": "b"}));
    let key = json!({"id": 1});
    assert_eq!(
        read(conn),
        [
            (Operation::Insert, key.clone(), None, Some(a.clone())),
            (Operation::Update, key.clone(), Some(a), Some(b.clone())),
            (Operation::Delete, key, Some(b), None),
        ]
    );
}

#[test]
fn a_key_that_changes_is_a_deletion_and_an_insertion() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    run(conn, "UPDATE items SET id = 2, name = 'b'");
    let changes = read(conn);
    let moved: Vec<_> = changes[1..].iter().map(|it| (it.0, it.1.clone())).collect();
    let expected = [
        (Operation::Delete, json!({"id": 1})),
        (Operation::Insert, json!({"id": 2})),
    ];
    assert_eq!(moved, expected);
    assert_eq!(changes[1].2, Some(json!({"id": 1, "name": "a"})));
    assert_eq!(changes[2].3, Some(json!({"id": 2, "name": "b"})));
}

#[test]
fn a_composite_key_has_its_columns_and_without_rows_that_is_all() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    run(
        conn,
        "CREATE TABLE pairs (first TEXT NOT NULL, second BIGINT NOT NULL, note TEXT NOT NULL,
             PRIMARY KEY (second, first))",
    );
    let log = ChangeLog::new().table::<pairs::table>(Capture::Keys);
    log.install(conn).unwrap();
    run(
        conn,
        "INSERT INTO pairs VALUES ('it''s', 1, 'x'), ('b', 2, 'y')",
    );
    run(conn, "UPDATE pairs SET note = 'z' WHERE second = 1");
    run(conn, "UPDATE pairs SET second = 3 WHERE second = 2");
    let read: Vec<_> = read(conn)
        .into_iter()
        .map(|it| (it.0, it.1, it.2, it.3))
        .collect();
    let key = |first: &str, second: i64| json!({"second": second, "first": first});
    assert_eq!(
        read,
        [
            (Operation::Insert, key("it's", 1), None, None),
            (Operation::Insert, key("b", 2), None, None),
            (Operation::Update, key("it's", 1), None, None),
            (Operation::Delete, key("b", 2), None, None),
            (Operation::Insert, key("b", 3), None, None),
        ]
    );
}

#[test]
fn rows_that_are_too_large_for_the_log_are_written_all_the_same() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let text = match backend::DIALECT {
        Dialect::Postgres => "repeat('x', 900000)",
        _ => "hex(zeroblob(450000))",
    };
    run(conn, &format!("INSERT INTO items VALUES (1, {text})"));
    run(conn, "UPDATE items SET name = name || '!'");
    run(conn, "UPDATE items SET name = 'short'");
    let read = read(conn);
    assert_eq!(read.len(), 3);
    for (_, key, _, new) in &read[..2] {
        assert_eq!(*key, json!({"id": 1}));
        // A server of SQLite's takes less than a file.
        if let Some(new) = new {
            assert!(new["name"].as_str().unwrap().len() >= 900_000);
        }
    }
}

diesel::table! {
    odd_columns (v) {
        v -> BigInt,
    }
}

/// Among them those that the triggers themselves use.
const ODD_COLUMNS: [&str; 16] = [
    "r", "n", "o", "s", "k", "e", "key", "row", "old", "new", "at_", "found", "log", "Upper",
    "a.b", "tg_op",
];

#[test]
fn columns_may_have_any_names() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let columns: Vec<String> = ODD_COLUMNS
        .iter()
        .map(|name| format!("\"{name}\" TEXT DEFAULT '{name}'"))
        .collect();
    run(
        conn,
        &format!(
            "CREATE TABLE odd_columns (v BIGINT PRIMARY KEY NOT NULL, {})",
            columns.join(", ")
        ),
    );
    let log = ChangeLog::new().table::<odd_columns::table>(Capture::Rows);
    log.install(conn).unwrap();
    run(conn, "INSERT INTO odd_columns (v) VALUES (1)");
    run(conn, "UPDATE odd_columns SET v = 2");
    run(conn, "UPDATE odd_columns SET r = 'x'");
    run(conn, "DELETE FROM odd_columns");
    let read = read(conn);
    let operations: Vec<Operation> = read.iter().map(|it| it.0).collect();
    use Operation::{Delete, Insert, Update};
    assert_eq!(operations, [Insert, Delete, Insert, Update, Delete]);
    let new = read[0].3.as_ref().unwrap();
    for name in ODD_COLUMNS {
        assert_eq!(new[name], name);
    }
}

#[test]
fn an_upsert_is_what_it_does() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    let upsert = "INSERT INTO items VALUES (1, 'b'), (2, 'c')
         ON CONFLICT (id) DO UPDATE SET name = excluded.name";
    run(conn, upsert);
    run(
        conn,
        "INSERT INTO items VALUES (1, 'd') ON CONFLICT DO NOTHING",
    );
    let mut found: Vec<_> = read(conn)[1..]
        .iter()
        .map(|it| (it.1["id"].as_i64(), it.0))
        .collect();
    found.sort_by_key(|it| it.0);
    assert_eq!(
        found,
        [(Some(1), Operation::Update), (Some(2), Operation::Insert)]
    );
}
