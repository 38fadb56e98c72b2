//! What only SQLite has that a dump could stumble over.

use covara_diesel::dump::{Dump, DumpError, Format};
use diesel::connection::SimpleConnection;

use crate::backend::TestDb;

#[test]
fn texts_that_are_not_utf_8_are_refused_and_replacement_characters_are_not() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, v TEXT);
         INSERT INTO texts VALUES (1, CAST(X'61efbfbd' AS TEXT)), (2, CAST(X'61ff' AS TEXT))",
    )
    .unwrap();
    for format in [Format::Csv, Format::Ndjson] {
        let dump = Dump::new().format(format);
        match dump.table_to(&mut conn, "texts", std::io::sink()) {
            Err(DumpError::Value { row: 2, column, .. }) => assert_eq!(column, "v"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn virtual_tables_and_their_parts_are_left_out() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY AUTOINCREMENT, words_data TEXT);
         INSERT INTO plain VALUES (1, 'a');
         CREATE VIRTUAL TABLE words USING fts5 (text);
         INSERT INTO words VALUES ('bread')",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|table| &table.table).collect();
    assert_eq!(tables, ["plain"]);
    let error = Dump::new()
        .table_to(&mut conn, "words", std::io::sink())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "words is a virtual table; a dump reads tables only"
    );
}

#[test]
fn a_number_in_a_column_of_texts_with_a_key_that_is_null_is_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE odd (k TEXT PRIMARY KEY, v BLOB); INSERT INTO odd VALUES (NULL, X'00');
         CREATE TABLE bytes (k TEXT PRIMARY KEY, v BLOB); INSERT INTO bytes VALUES ('a', 'text')",
    )
    .unwrap();
    for (table, said) in [
        (
            "odd",
            "row 1 of odd, column k: NULL is not allowed by a seed in this column",
        ),
        (
            "bytes",
            "row 1 of bytes, column v: \"text\" is a value that",
        ),
    ] {
        let error = Dump::new()
            .table_to(&mut conn, table, std::io::sink())
            .unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
    }
}
