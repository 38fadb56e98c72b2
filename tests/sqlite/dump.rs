//! Dumps of tables as only SQLite has them.

use covara_diesel::Seed;
use covara_diesel::dump::{Dump, DumpError, Format};
use covara_diesel::fixture::FixtureSource;
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
    assert_eq!(summary.left_out, ["words"]);
    let error = Dump::new()
        .table_to(&mut conn, "words", std::io::sink())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "words is a virtual table; a dump reads tables only"
    );
}

#[test]
fn tables_named_like_parts_of_virtual_tables_are_dumped() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE x_content (id INTEGER PRIMARY KEY);
         CREATE TABLE \"x_data\" (id INTEGER PRIMARY KEY);
         CREATE VIRTUAL TABLE words USING fts5 (text);
         CREATE TABLE words_stat (id INTEGER PRIMARY KEY);
         CREATE TABLE words_data_of_others (id INTEGER PRIMARY KEY)",
    )
    .unwrap();
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new()
        .to_directory(&mut conn, directory.path())
        .unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|table| &table.table).collect();
    let expected = ["words_data_of_others", "words_stat", "x_content", "x_data"];
    assert_eq!(tables, expected);
}

/// Which keep every value as it is, unlike those of other tables.
#[test]
fn columns_of_any_type_in_strict_tables_are_read_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE strict_one (id INTEGER PRIMARY KEY, v ANY) STRICT;
         CREATE TABLE other_one (id INTEGER PRIMARY KEY, v ANY);
         INSERT INTO strict_one VALUES (1, '007'), (2, '1'), (3, 1), (4, 1.0), (5, 'a'), (6, NULL);
         INSERT INTO other_one VALUES (1, 7), (2, 1.5), (3, 'a'), (4, NULL)",
    )
    .unwrap();
    for table in ["strict_one", "other_one"] {
        let dump = Dump::new().format(Format::Ndjson);
        let mut first = Vec::new();
        dump.table_to(&mut conn, table, &mut first).unwrap();
        conn.batch_execute(&format!("DELETE FROM {table}")).unwrap();
        let source = FixtureSource::reader("a.ndjson", first.as_slice());
        Seed::new().fixture(table, source).run(&mut conn).unwrap();
        let mut second = Vec::new();
        dump.table_to(&mut conn, table, &mut second).unwrap();
        assert_eq!(first, second, "{table}");
        if table == "strict_one" {
            let lines = String::from_utf8(second).unwrap();
            assert!(lines.starts_with("{\"id\":1,\"v\":\"007\"}\n{\"id\":2,\"v\":\"1\"}\n{\"id\":3,\"v\":1}\n{\"id\":4,\"v\":1.0}"), "{lines}");
        }
    }
}

#[test]
fn a_table_with_as_many_columns_as_sqlite_has_is_sorted_without_a_key() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let columns: Vec<String> = (0..2_000).map(|n| format!("c{n} BIGINT")).collect();
    let values = |last: i64| {
        let values: Vec<String> = (0..2_000)
            .map(|n| if n == 1_999 { last } else { n }.to_string())
            .collect();
        format!("({})", values.join(", "))
    };
    conn.batch_execute(&format!("CREATE TABLE wide ({})", columns.join(", ")))
        .unwrap();
    let dumped = |conn: &mut _| {
        let mut csv = Vec::new();
        Dump::new().table_to(conn, "wide", &mut csv).unwrap();
        String::from_utf8(csv).unwrap()
    };
    let mut found = Vec::new();
    for order in [[2, 1, 3], [3, 2, 1]] {
        let rows = order.map(values).join(", ");
        conn.batch_execute(&format!("DELETE FROM wide; INSERT INTO wide VALUES {rows}"))
            .unwrap();
        found.push(dumped(&mut conn));
    }
    assert_eq!(found[0], found[1]);
    let last: Vec<_> = found[0]
        .lines()
        .skip(1)
        .map(|it| &it[it.len() - 2..])
        .collect();
    assert_eq!(last, [",1", ",2", ",3"]);
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
